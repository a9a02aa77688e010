CREATE OR REPLACE FUNCTION recsys.seal_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := 'list_rows_' || publication;
  withheld text := 'withheld_rows_' || publication;
BEGIN
  EXECUTE format('ALTER TABLE recsys.%I ADD PRIMARY KEY (publication_id, user_key)', name);
  IF NOT EXISTS (SELECT FROM pg_constraint AS c
                 WHERE c.conrelid = format('recsys.%I', name)::regclass AND c.conname = 'bound') THEN
    EXECUTE format('ALTER TABLE recsys.%I ADD CONSTRAINT bound CHECK (publication_id = %s)', name, publication);
  END IF;
  EXECUTE format('ALTER TABLE recsys.list_rows ATTACH PARTITION recsys.%I FOR VALUES IN (%s)', name, publication);
  EXECUTE format('ALTER TABLE recsys.%I DROP CONSTRAINT bound', name);
  EXECUTE format('REVOKE INSERT, DELETE ON recsys.%I FROM recsys_writer', name);
  EXECUTE format('ANALYZE recsys.%I (publication_id, shard, user_key, variant, rung, short_reason)', name);
  IF to_regclass('recsys.' || withheld) IS NOT NULL THEN
    EXECUTE format('ALTER TABLE recsys.%I ADD PRIMARY KEY (publication_id, user_key)', withheld);
    EXECUTE format('ALTER TABLE recsys.withheld_rows ATTACH PARTITION recsys.%I FOR VALUES IN (%s)', withheld, publication);
    EXECUTE format('ALTER TABLE recsys.%I DROP CONSTRAINT bound', withheld);
    EXECUTE format('ANALYZE recsys.%I (publication_id, user_key)', withheld);
  END IF;
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
  DELETE FROM recsys.shard_entries AS s WHERE s.publication_id = publication;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.seal_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.seal_partition TO recsys_writer;

COMMENT ON FUNCTION recsys.seal_partition IS 'Index a loaded publication''s lists, attach them, and take the writer''s rights to change them.';
