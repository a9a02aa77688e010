ALTER TABLE recsys.forbidden_rows SET UNLOGGED;

-- The older seal_partition adds the bound itself.
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class AS c JOIN pg_constraint AS b ON b.conrelid = c.oid AND b.conname = 'bound'
              WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
                AND c.relname ~ '^list_rows_[0-9]+$' LOOP
    EXECUTE format('ALTER TABLE recsys.%I DROP CONSTRAINT bound', name);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION recsys.open_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE name text := 'list_rows_' || publication;
BEGIN
  EXECUTE format('CREATE TABLE recsys.%I (LIKE recsys.list_rows)', name);
  EXECUTE format('GRANT SELECT, INSERT, DELETE ON recsys.%I TO recsys_writer', name);
END $$;

-- Primary key and bound after the load: building the index once is faster, and the CHECK spares ATTACH its scan.
CREATE OR REPLACE FUNCTION recsys.seal_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE name text := 'list_rows_' || publication;
BEGIN
  EXECUTE format('ALTER TABLE recsys.%I ADD PRIMARY KEY (publication_id, user_key), '
                 'ADD CONSTRAINT bound CHECK (publication_id = %s)', name, publication);
  EXECUTE format('ALTER TABLE recsys.list_rows ATTACH PARTITION recsys.%I FOR VALUES IN (%s)', name, publication);
  EXECUTE format('ALTER TABLE recsys.%I DROP CONSTRAINT bound', name);
  EXECUTE format('REVOKE INSERT, DELETE ON recsys.%I FROM recsys_writer', name);
  EXECUTE format('ANALYZE recsys.%I', name);
END $$;

CREATE OR REPLACE FUNCTION recsys.drop_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recsys.current_publication AS c WHERE c.publication_id = publication) THEN
    RAISE EXCEPTION 'publication % is what readers see', publication USING ERRCODE = 'object_in_use';
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'list_rows_' || publication);
END $$;

DROP FUNCTION recsys.distinct_entries;
DROP TRIGGER forget_row_hash ON recsys.users;
DROP TRIGGER forget_row_hash ON recsys.items;
DROP FUNCTION recsys.forget_row_hash;
ALTER TABLE recsys.users DROP COLUMN row_hash;
ALTER TABLE recsys.items DROP COLUMN row_hash;
DROP TABLE recsys.shard_loads;
