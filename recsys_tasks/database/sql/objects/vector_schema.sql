CREATE OR REPLACE FUNCTION recsys.vector_schema() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT n.nspname::text FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
$$;

REVOKE EXECUTE ON FUNCTION recsys.vector_schema FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.vector_schema TO recsys_writer;

COMMENT ON FUNCTION recsys.vector_schema IS 'Schema in which the extension vector is installed; null where it is not.';
