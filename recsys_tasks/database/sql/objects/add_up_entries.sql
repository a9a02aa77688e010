-- Instead of count_entries, where the loads' counts hold.
CREATE OR REPLACE FUNCTION recsys.add_up_entries(publication bigint) RETURNS void
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
