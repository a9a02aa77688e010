CREATE OR REPLACE FUNCTION recsys.drop_vectors(vector_set bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I, recsys.%I', 'item_vectors_' || vector_set, 'user_vectors_' || vector_set);
  DELETE FROM recsys.vector_sets AS s WHERE s.id = vector_set;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.drop_vectors FROM PUBLIC;

COMMENT ON FUNCTION recsys.drop_vectors IS 'Drop a set of vectors.';
