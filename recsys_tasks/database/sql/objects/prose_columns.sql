-- Columns in which a person or a message may have named a user: erase_user() looks into them, too.
CREATE OR REPLACE FUNCTION recsys.prose_columns() RETURNS TABLE (in_table text, in_column text, kind text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
  FROM (VALUES ('publication', 'note'), ('publication', 'checks'),
               ('current_publication', 'moved_by'), ('current_publication', 'why'),
               ('pointer_moves', 'moved_by'), ('pointer_moves', 'why'), ('hold', 'who'), ('hold', 'why'),
               ('release_events', 'who'), ('release_events', 'why'),
               ('gate_decision_rows', 'paragraph'), ('gate_decision_rows', 'rules'),
               ('tower_version_rows', 'ledger'), ('metric_rows', 'extra'), ('stage_run_rows', 'figures'),
               ('stage_failures', 'error'), ('shared_texts', 'body'),
               ('alert_rows', 'message'), ('alert_rows', 'reader_state'), ('alert_rows', 'remedy'),
               ('alert_rows', 'delivered'), ('alert_rows', 'acknowledged_by'), ('alert_rows', 'acknowledged_note')) AS p(in_table, in_column)
  JOIN pg_class AS c ON c.relnamespace = 'recsys'::regnamespace AND c.relname = p.in_table
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = p.in_column AND NOT a.attisdropped
$$;

REVOKE EXECUTE ON FUNCTION recsys.prose_columns FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.prose_columns TO recsys_writer;

COMMENT ON FUNCTION recsys.prose_columns IS 'Columns in which a person or a message may have named a user.';
