-- Which shards a publication holds: a first load then need not search the partition for rows to delete.
CREATE TABLE recsys.shard_loads (
  publication_id bigint   NOT NULL,
  shard          smallint NOT NULL,
  rows           bigint   NOT NULL,
  PRIMARY KEY (publication_id, shard)
);
GRANT SELECT, INSERT, DELETE ON recsys.shard_loads TO recsys_writer;

-- A hash of each row as the last load wrote it, so that unchanged rows need not be sent again.
ALTER TABLE recsys.users ADD COLUMN row_hash bigint;
ALTER TABLE recsys.items ADD COLUMN row_hash bigint;

-- A change by hand leaves the hash behind: the next night must compare and mend that row.
CREATE FUNCTION recsys.forget_row_hash() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.row_hash := NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER forget_row_hash BEFORE UPDATE ON recsys.users FOR EACH ROW
  WHEN (NEW.row_hash IS NOT DISTINCT FROM OLD.row_hash) EXECUTE FUNCTION recsys.forget_row_hash();
CREATE TRIGGER forget_row_hash BEFORE UPDATE ON recsys.items FOR EACH ROW
  WHEN (NEW.row_hash IS NOT DISTINCT FROM OLD.row_hash) EXECUTE FUNCTION recsys.forget_row_hash();

-- A function, because PostgreSQL runs a correlated subquery in one process only and a function in all workers.
CREATE FUNCTION recsys.distinct_entries(entries int[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(DISTINCT e.entry) FROM (SELECT unnest(entries) AS entry) AS e
$$;
REVOKE EXECUTE ON FUNCTION recsys.distinct_entries, recsys.forget_row_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.distinct_entries TO recsys_writer;

-- Rows of up to about 360 entries stay whole and in line: compressing them to 2 kB costs half as much again as
-- storing them. The bound is checked row by row while they come, which spares a scan when the partition is sealed.
-- Rows never change, so there is nothing to vacuum; arrays are never compared, so they need no statistics.
CREATE OR REPLACE FUNCTION recsys.open_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := 'list_rows_' || publication;
  list text;
BEGIN
  EXECUTE format('CREATE TABLE recsys.%I (LIKE recsys.list_rows, CONSTRAINT bound CHECK (publication_id = %s)) '
                 'WITH (fillfactor = 100, toast_tuple_target = 8160, autovacuum_enabled = off)', name, publication);
  FOREACH list IN ARRAY ARRAY['items', 'scores', 'sources', 'reasons', 'reason_items', 'ranks_before', 'propensities'] LOOP
    EXECUTE format('ALTER TABLE recsys.%I ALTER COLUMN %I SET STATISTICS 0', name, list);
  END LOOP;
  EXECUTE format('GRANT SELECT, INSERT, DELETE ON recsys.%I TO recsys_writer', name);
END $$;

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

-- What was half loaded before this revision is noted as if it had been loaded under it.
DO $$
DECLARE open record;
BEGIN
  FOR open IN SELECT p.id, 'list_rows_' || p.id AS name FROM recsys.publication AS p
              WHERE p.status = 'building' AND to_regclass('recsys.list_rows_' || p.id) IS NOT NULL LOOP
    EXECUTE format('INSERT INTO recsys.shard_loads SELECT %s, shard, count(*) FROM recsys.%I GROUP BY shard',
                   open.id, open.name);
  END LOOP;
END $$;

-- Emptied by a crash between loading and checking, the table would have let every forbidden pair pass.
ALTER TABLE recsys.forbidden_rows SET LOGGED;
