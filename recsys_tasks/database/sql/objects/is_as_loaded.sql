-- Whether every row is one that a load sent, none of those is missing, and no load found a fault. A row that came, went
-- or changed by another way has another transaction's number, or is not there to be counted.
CREATE OR REPLACE FUNCTION recsys.is_as_loaded(publication bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  same boolean;
BEGIN
  EXECUTE format('SELECT bool_and(coalesce(s.clean, false) AND l.rows IS NOT DISTINCT FROM s.rows) FROM '
                 '(SELECT x.shard, x.xmin::text AS loaded_by, count(*) AS rows FROM recsys.%I AS x GROUP BY 1, 2) AS l '
                 'FULL JOIN (SELECT * FROM recsys.shard_loads AS n WHERE n.publication_id = $1 AND n.rows > 0) AS s '
                 'ON s.shard = l.shard AND s.loaded_by::text = l.loaded_by', 'list_rows_' || publication)
    INTO same USING publication;
  RETURN coalesce(same, false);
END $$;

REVOKE EXECUTE ON FUNCTION recsys.is_as_loaded FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.is_as_loaded TO recsys_writer;

COMMENT ON FUNCTION recsys.is_as_loaded IS
  'Whether a publication''s rows are the very ones that its loads sent, and no load found a fault in them.';
