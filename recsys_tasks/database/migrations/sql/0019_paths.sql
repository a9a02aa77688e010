-- What the repeat policy forbids, and what may not be shown whatever the stock says, hold on every path of a reader;
-- and a score is a chance or it is null.

-- `repeats`: the policy in words. `forbidden_pairs`: how many pairs its load sent; null while it has not. `calibrated`:
-- whether the ranker's scores were fitted to enough of what came true to be called chances.
ALTER TABLE recsys.publication
  ADD COLUMN IF NOT EXISTS repeats text NOT NULL DEFAULT 'allow',
  ADD COLUMN IF NOT EXISTS forbidden_pairs bigint,
  ADD COLUMN IF NOT EXISTS calibrated boolean NOT NULL DEFAULT true;

-- Rules or moderators keep it from readers: unlike stock, nobody reports that away during the day.
ALTER TABLE recsys.items ADD COLUMN blocked boolean NOT NULL DEFAULT false;

-- Of each user with a history, active or not, the items of the publication's fallback lists that the policy forbids.
-- Nothing else can be topped up, so a row has few items; users without any have none.
CREATE TABLE recsys.withheld_rows (
  publication_id bigint NOT NULL,
  user_key       int    NOT NULL,
  items          int[]  NOT NULL,
  PRIMARY KEY (publication_id, user_key)
) PARTITION BY LIST (publication_id);
GRANT SELECT ON recsys.withheld_rows TO recsys_writer;

-- Made in the database from the very lists and pairs that were loaded, within the checks' transaction.
CREATE FUNCTION recsys.withhold(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE name text := 'withheld_rows_' || publication;
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', name);
  IF NOT EXISTS (SELECT FROM recsys.forbidden_rows AS f WHERE f.publication_id = publication) THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE recsys.%I (LIKE recsys.withheld_rows, CONSTRAINT bound CHECK (publication_id = %s)) '
                 'WITH (fillfactor = 100, autovacuum_enabled = off)', name, publication);
  EXECUTE format('ALTER TABLE recsys.%I ALTER COLUMN items SET STATISTICS 0', name);
  EXECUTE format('INSERT INTO recsys.%I SELECT %s, f.user_key, array_agg(DISTINCT f.item_key) '
                 'FROM recsys.forbidden_rows AS f WHERE f.publication_id = %2$s AND f.item_key IN ('
                 'SELECT unnest(l.items) FROM recsys.fallback_rows AS l WHERE l.publication_id = %2$s) '
                 'GROUP BY f.user_key', name, publication);
  EXECUTE format('GRANT SELECT ON recsys.%I TO recsys_writer', name);
END $$;
REVOKE EXECUTE ON FUNCTION recsys.withhold FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.withhold TO recsys_writer;
COMMENT ON FUNCTION recsys.withhold IS
  'Note for each user which items of a publication''s fallback lists the repeat policy forbids, so that recommend() leaves them out.';

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

CREATE OR REPLACE FUNCTION recsys.drop_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recsys.current_publication AS c WHERE c.publication_id = publication) THEN
    RAISE EXCEPTION 'publication % is what readers see', publication USING ERRCODE = 'object_in_use';
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'list_rows_' || publication);
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'withheld_rows_' || publication);
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
  DELETE FROM recsys.shard_entries AS s WHERE s.publication_id = publication;
END $$;
