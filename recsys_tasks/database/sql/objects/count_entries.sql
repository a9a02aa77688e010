-- Every entry is counted once, for the checks and for the analysts; items that only spares name have no lists, and a
-- null entry counts as item -1, which the checks do not know.
CREATE OR REPLACE FUNCTION recsys.count_entries(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  name text := 'list_rows_' || publication;
  shown int := (SELECT p.k FROM recsys.publication AS p WHERE p.id = publication);
BEGIN
  DELETE FROM recsys.item_exposure_rows AS x WHERE x.publication_id = publication;
  -- CREATE TABLE AS may use parallel workers, INSERT … SELECT may not; and only plain counts are added up by them.
  EXECUTE format('CREATE TEMP TABLE counted_items ON COMMIT DROP AS '
                 'SELECT coalesce(e.item_key, -1) AS item_key, sum(e.lists)::int AS lists FROM ('
                 'SELECT unnest(l.items[1:%1$s]) AS item_key, count(*) AS lists FROM recsys.%2$I AS l GROUP BY 1 '
                 'UNION ALL '
                 'SELECT unnest(l.items[%1$s + 1:]), 0 FROM recsys.%2$I AS l GROUP BY 1) AS e GROUP BY 1',
                 shown, name);
  EXECUTE format('CREATE TEMP TABLE counted_firsts ON COMMIT DROP AS '
                 'SELECT l.items[1] AS item_key, count(*)::int AS lists FROM recsys.%I AS l GROUP BY 1', name);
  INSERT INTO recsys.item_exposure_rows (publication_id, item_key, lists, first_places)
  SELECT publication, c.item_key, c.lists, coalesce(f.lists, 0)
  FROM pg_temp.counted_items AS c
  LEFT JOIN pg_temp.counted_firsts AS f ON f.item_key = c.item_key;
  DROP TABLE pg_temp.counted_items, pg_temp.counted_firsts;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.count_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.count_entries TO recsys_writer;

COMMENT ON FUNCTION recsys.count_entries IS
  'Count the entries of a loaded publication''s lists by item, for its checks and for item_exposure.';
