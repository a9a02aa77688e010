-- What vectors hold of an erased user, counted and, unless it is a dry run, removed.
CREATE OR REPLACE FUNCTION recsys.erase_vectors(erased_key int, dry_run boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text;
  one bigint;
  found_rows bigint := 0;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r'
              AND c.relname ~ '^user_vectors_[0-9]+$' LOOP
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE user_key = $1', name) INTO one USING erased_key;
    IF one > 0 AND NOT dry_run THEN
      EXECUTE format('DELETE FROM recsys.%I WHERE user_key = $1', name) USING erased_key;
    END IF;
    found_rows := found_rows + one;
  END LOOP;
  RETURN found_rows;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.erase_vectors FROM PUBLIC;

COMMENT ON FUNCTION recsys.erase_vectors IS 'Count or remove a user''s published vectors; erase_user calls it.';
