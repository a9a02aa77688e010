-- What people wrote ("user u17 complained") stands in append-only tables, too: erase_user() alone may change it.
CREATE OR REPLACE FUNCTION recsys.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('recsys.erasing', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'recsys.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

REVOKE EXECUTE ON FUNCTION recsys.refuse_change FROM PUBLIC;

COMMENT ON FUNCTION recsys.refuse_change IS 'Trigger that makes a table append-only.';
