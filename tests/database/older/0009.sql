-- What a load counted of the lists that it sent, and the transaction that it was: every row carries that number too.
ALTER TABLE recsys.shard_loads ADD COLUMN clean boolean, ADD COLUMN loaded_by xid;

CREATE TABLE recsys.shard_entries (
  publication_id bigint   NOT NULL,
  shard          smallint NOT NULL,
  item_key       int      NOT NULL,
  lists          int      NOT NULL,
  first_places   int      NOT NULL
);
CREATE INDEX shard_entries_publication ON recsys.shard_entries (publication_id, shard);
GRANT SELECT, INSERT, DELETE ON recsys.shard_entries TO recsys_writer;

-- Whether every row is one that a load sent, none of those is missing, and no load found a fault. A row that came, went
-- or changed by another way has another transaction's number, or is not there to be counted.
CREATE FUNCTION recsys.is_as_loaded(publication bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  same boolean;
BEGIN
  EXECUTE format('SELECT bool_and(coalesce(s.clean, false) AND l.rows IS NOT DISTINCT FROM s.rows) FROM '
                 '(SELECT x.shard, x.xmin::text AS loaded_by, count(*) AS rows FROM recsys.%I AS x GROUP BY 1, 2) AS l '
                 'FULL JOIN (SELECT * FROM recsys.shard_loads AS n WHERE n.publication_id = $1 AND n.rows > 0) AS s '
                 'ON s.shard = l.shard AND s.loaded_by::text = l.loaded_by', 'list_rows_' || publication)
    INTO same USING publication;
  RETURN coalesce(same, false);
END $$;
REVOKE EXECUTE ON FUNCTION recsys.is_as_loaded FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.is_as_loaded TO recsys_writer;
COMMENT ON FUNCTION recsys.is_as_loaded IS
  'Whether a publication''s rows are the very ones that its loads sent, and no load found a fault in them.';
COMMENT ON TABLE recsys.shard_entries IS
  'How many lists of a shard name an item within k, and begin with it; gone once the publication is sealed.';

-- Instead of count_entries, where the loads' counts hold.
CREATE FUNCTION recsys.add_up_entries(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
BEGIN
  DELETE FROM recsys.item_exposure_rows AS x WHERE x.publication_id = publication;
  INSERT INTO recsys.item_exposure_rows (publication_id, item_key, lists, first_places)
  SELECT publication, s.item_key, sum(s.lists), sum(s.first_places)
  FROM recsys.shard_entries AS s WHERE s.publication_id = publication GROUP BY s.item_key;
END $$;
REVOKE EXECUTE ON FUNCTION recsys.add_up_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.add_up_entries TO recsys_writer;
COMMENT ON FUNCTION recsys.add_up_entries IS
  'Add the loads'' counts of entries up by item, for a publication''s checks and for item_exposure.';

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
  DELETE FROM recsys.shard_entries AS s WHERE s.publication_id = publication;
END $$;

CREATE OR REPLACE FUNCTION recsys.drop_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recsys.current_publication AS c WHERE c.publication_id = publication) THEN
    RAISE EXCEPTION 'publication % is what readers see', publication USING ERRCODE = 'object_in_use';
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'list_rows_' || publication);
  DELETE FROM recsys.shard_loads AS s WHERE s.publication_id = publication;
  DELETE FROM recsys.shard_entries AS s WHERE s.publication_id = publication;
END $$;
