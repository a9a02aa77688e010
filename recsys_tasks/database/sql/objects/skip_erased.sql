-- An erased user's key stays reserved in the lake's id map, with an empty text: here it has no row at all.
CREATE OR REPLACE FUNCTION recsys.skip_erased() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.skip_erased FROM PUBLIC;

COMMENT ON FUNCTION recsys.skip_erased IS 'Trigger that keeps the reserved keys of erased users out of recsys.users.';
