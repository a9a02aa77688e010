-- Does nothing: the server's statistics count its calls.
CREATE OR REPLACE FUNCTION recsys.answered_filled_up() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
END $$;

REVOKE EXECUTE ON FUNCTION recsys.answered_filled_up FROM PUBLIC;

COMMENT ON FUNCTION recsys.answered_filled_up IS 'Counts a call of recommend() that was answered from an own list with fewer than k items left, filled up from the fallback lists as far as they go; it does nothing else.';
