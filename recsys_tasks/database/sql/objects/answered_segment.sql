-- Does nothing: the server's statistics count its calls.
CREATE OR REPLACE FUNCTION recsys.answered_segment() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
END $$;

REVOKE EXECUTE ON FUNCTION recsys.answered_segment FROM PUBLIC;

COMMENT ON FUNCTION recsys.answered_segment IS 'Counts a call of recommend() that was answered from the fallback list of the segment first; it does nothing else.';
