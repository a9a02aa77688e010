-- For analysts, once the entries are counted: items that no list shows, and the lists by kind. An item that is announced
-- for a later day is not on offer yet.
CREATE OR REPLACE FUNCTION recsys.summarise_publication(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  name text := 'list_rows_' || publication;
  shown int;
  cutoff timestamptz;
BEGIN
  SELECT p.k, p.as_of::timestamp AT TIME ZONE 'UTC' INTO shown, cutoff FROM recsys.publication AS p WHERE p.id = publication;
  DELETE FROM recsys.list_count_rows AS x WHERE x.publication_id = publication;
  INSERT INTO recsys.item_exposure_rows (publication_id, item_key, lists, first_places)
  SELECT publication, a.item_key, 0, 0 FROM recsys.items AS a
  WHERE a.available AND (a.available_from IS NULL OR a.available_from < cutoff) ON CONFLICT DO NOTHING;
  EXECUTE format('CREATE TEMP TABLE counted_lists ON COMMIT DROP AS '
                 'SELECT u.segment, l.variant, l.rung, l.short_reason, count(*) AS lists, '
                 'sum(least(cardinality(l.items), %s))::bigint AS places '
                 'FROM recsys.%I AS l JOIN recsys.users AS u ON u.user_key = l.user_key GROUP BY 1, 2, 3, 4', shown, name);
  INSERT INTO recsys.list_count_rows SELECT publication, c.* FROM pg_temp.counted_lists AS c;
  DROP TABLE pg_temp.counted_lists;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.summarise_publication FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.summarise_publication TO recsys_writer;

COMMENT ON FUNCTION recsys.summarise_publication IS
  'Count a checked publication''s lists by kind, for list_counts, and add the items that none of them shows.';
