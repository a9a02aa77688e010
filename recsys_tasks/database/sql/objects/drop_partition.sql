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

REVOKE EXECUTE ON FUNCTION recsys.drop_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.drop_partition TO recsys_writer;

COMMENT ON FUNCTION recsys.drop_partition IS 'Drop a publication''s lists; refused for the one that readers see.';
