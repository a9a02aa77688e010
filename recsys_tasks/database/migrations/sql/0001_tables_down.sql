DROP FUNCTION recsys.drop_partition, recsys.seal_partition, recsys.open_partition;
-- Partitions of unfinished publications hang on no parent.
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class AS c
              WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
                AND c.relname ~ '^list_rows_[0-9]+$' LOOP
    EXECUTE format('DROP TABLE recsys.%I', name);
  END LOOP;
END $$;
DROP TABLE recsys.alert_rows, recsys.stage_runs, recsys.metric_rows, recsys.tower_versions, recsys.gate_decision_rows,
  recsys.release_events, recsys.hold, recsys.pointer_moves, recsys.current_publication, recsys.forbidden_rows,
  recsys.similar_rows, recsys.fallback_rows, recsys.list_rows, recsys.publication, recsys.source_sets, recsys.item_availability,
  recsys.items, recsys.users;
DROP FUNCTION recsys.refuse_change;
DROP SEQUENCE recsys.fence_seq;
