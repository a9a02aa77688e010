DROP FUNCTION recsys.add_up_entries, recsys.is_as_loaded;
CREATE OR REPLACE FUNCTION recsys.seal_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE name text := 'list_rows_' || publication;
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
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
END $$;

CREATE OR REPLACE FUNCTION recsys.drop_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recsys.current_publication AS c WHERE c.publication_id = publication) THEN
    RAISE EXCEPTION 'publication % is what readers see', publication USING ERRCODE = 'object_in_use';
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'list_rows_' || publication);
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
END $$;

DROP TABLE recsys.shard_entries;
ALTER TABLE recsys.shard_loads DROP COLUMN clean, DROP COLUMN loaded_by;
