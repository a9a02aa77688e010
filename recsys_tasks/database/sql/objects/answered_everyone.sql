-- Does nothing: the server's statistics count its calls.
CREATE OR REPLACE FUNCTION recsys.answered_everyone() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
END $$;

REVOKE EXECUTE ON FUNCTION recsys.answered_everyone FROM PUBLIC;

COMMENT ON FUNCTION recsys.answered_everyone IS 'Counts a call of recommend() that was answered from that of all users; it does nothing else.';
