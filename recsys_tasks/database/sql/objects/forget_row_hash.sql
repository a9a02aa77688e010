-- A change by hand leaves the hash behind: the next night must compare and mend that row.
CREATE OR REPLACE FUNCTION recsys.forget_row_hash() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.row_hash := NULL;
  RETURN NEW;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.forget_row_hash FROM PUBLIC;

COMMENT ON FUNCTION recsys.forget_row_hash IS 'Trigger that makes the next night compare a row that was changed by hand.';
