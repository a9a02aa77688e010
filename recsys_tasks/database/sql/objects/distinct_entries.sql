-- A function, because PostgreSQL runs a correlated subquery in one process only and a function in all workers.
CREATE OR REPLACE FUNCTION recsys.distinct_entries(entries int[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(DISTINCT e.entry) FROM (SELECT unnest(entries) AS entry) AS e
$$;

REVOKE EXECUTE ON FUNCTION recsys.distinct_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.distinct_entries TO recsys_writer;

COMMENT ON FUNCTION recsys.distinct_entries IS 'How many different numbers a list holds; the checks of a publication ask it.';
