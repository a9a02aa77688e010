DROP FUNCTION recsys.similar_users, recsys.show_vectors, recsys.open_vectors;
-- The extension stays: somebody else may use it.
DROP VIEW IF EXISTS recsys.item_vectors, recsys.user_vectors;
DO $$
BEGIN
  PERFORM recsys.drop_vectors(s.id) FROM recsys.vector_sets AS s;
END $$;
DROP FUNCTION recsys.point_vectors, recsys.drop_vectors, recsys.vector_schema;
DROP TABLE recsys.vector_sets;
DROP VIEW recsys.tower_versions;
ALTER TABLE recsys.tower_version_rows RENAME TO tower_versions;
ALTER TABLE recsys.tower_versions DROP CONSTRAINT tower_version_rows_pkey,
  ADD CONSTRAINT tower_versions_pkey PRIMARY KEY (lineage, learned_before, artifact);

CREATE OR REPLACE FUNCTION recsys.prose_columns() RETURNS TABLE (in_table text, in_column text, kind text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
  FROM (VALUES ('publication', 'note'), ('publication', 'checks'),
               ('current_publication', 'moved_by'), ('current_publication', 'why'),
               ('pointer_moves', 'moved_by'), ('pointer_moves', 'why'), ('hold', 'who'), ('hold', 'why'),
               ('release_events', 'who'), ('release_events', 'why'),
               ('gate_decision_rows', 'paragraph'), ('gate_decision_rows', 'rules'),
               ('tower_versions', 'ledger'), ('metric_rows', 'extra'), ('stage_runs', 'figures'),
               ('alert_rows', 'message'), ('alert_rows', 'reader_state'), ('alert_rows', 'remedy'),
               ('alert_rows', 'delivered')) AS p(in_table, in_column)
  JOIN pg_class AS c ON c.relnamespace = 'recsys'::regnamespace AND c.relname = p.in_table
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = p.in_column AND NOT a.attisdropped
$$;

-- What each table holds of a user; unless it is a dry run, all of it goes. One transaction: readers see all or nothing.
-- `mention` is a regular expression for the user in prose; a list's row also leaves the counts made of it.
CREATE OR REPLACE FUNCTION recsys.erase_user(erased_key int, erased_id text, mention text, dry_run boolean)
RETURNS TABLE (place text, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE target record;
BEGIN
  IF erased_id = '' OR mention = '' THEN
    RAISE EXCEPTION 'an id is never empty' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR target IN SELECT c.relname AS name, substring(c.relname FROM '[0-9]+$')::bigint AS id FROM pg_class AS c
                WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^list_rows_[0-9]+$'
                ORDER BY 2 LOOP
    place := target.name;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
      INTO held USING target.id, erased_key;
    IF held > 0 AND NOT dry_run THEN
      PERFORM recsys.uncount_list(target.id, erased_key);
      EXECUTE format('DELETE FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
        USING target.id, erased_key;
      UPDATE recsys.publication AS p SET rows = p.rows - erase_user.held, expected_rows = p.expected_rows - erase_user.held
      WHERE p.id = target.id;
    END IF;
    RETURN NEXT;
  END LOOP;

  place := 'forbidden_rows';
  SELECT count(*) INTO held FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'users';
  SELECT count(*) INTO held FROM recsys.users AS u WHERE u.user_key = erased_key OR u.user_id = erased_id;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.users AS u WHERE u.user_key = erased_key OR u.user_id = erased_id;
  END IF;
  RETURN NEXT;

  PERFORM set_config('recsys.erasing', CASE WHEN dry_run THEN 'off' ELSE 'on' END, true);
  FOR target IN SELECT * FROM recsys.prose_columns() LOOP
    place := target.in_table || '.' || target.in_column;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE %I::text ~ $1', target.in_table, target.in_column)
      INTO held USING mention;
    IF held > 0 AND NOT dry_run THEN
      EXECUTE format('UPDATE recsys.%I SET %2$I = regexp_replace(%2$I::text, $1, ''(erased)'', ''g'')::%3$s WHERE %2$I::text ~ $1',
                     target.in_table, target.in_column, target.kind) USING mention;
    END IF;
    RETURN NEXT;
  END LOOP;
  PERFORM set_config('recsys.erasing', 'off', true);
END $$;
DROP FUNCTION recsys.erase_vectors;
