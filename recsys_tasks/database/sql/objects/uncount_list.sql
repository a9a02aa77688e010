-- One list less in the counts, before its row goes: an erased user leaves no trace there either.
CREATE OR REPLACE FUNCTION recsys.uncount_list(publication bigint, erased_key int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  one record;
BEGIN
  EXECUTE format('SELECT l.items[1:p.k] AS items, l.reasons[1:p.k] AS reasons, l.variant, l.rung, l.short_reason, u.segment '
                 'FROM recsys.%I AS l JOIN recsys.publication AS p ON p.id = l.publication_id '
                 'LEFT JOIN recsys.users AS u ON u.user_key = l.user_key '
                 'WHERE l.publication_id = $1 AND l.user_key = $2', 'list_rows_' || publication)
    INTO one USING publication, erased_key;
  UPDATE recsys.item_exposure_rows AS x
  SET lists = x.lists - 1, first_places = x.first_places - (e.rank = 1)::int
  FROM unnest(one.items) WITH ORDINALITY AS e(item_key, rank)
  WHERE x.publication_id = publication AND x.item_key = e.item_key;
  UPDATE recsys.list_count_rows AS x SET lists = x.lists - 1, places = x.places - cardinality(one.items)
  WHERE x.publication_id = publication
    AND (x.segment, x.variant, x.rung, x.short_reason)
        IS NOT DISTINCT FROM (one.segment, one.variant, one.rung, one.short_reason);
  DELETE FROM recsys.list_count_rows AS x WHERE x.publication_id = publication AND x.lists <= 0;
  UPDATE recsys.segment_item_rows AS x SET lists = x.lists - 1
  FROM unnest(one.items) AS e(item_key)
  WHERE x.publication_id = publication AND x.segment = coalesce(one.segment, '') AND x.item_key = e.item_key;
  DELETE FROM recsys.segment_item_rows AS x WHERE x.publication_id = publication AND x.lists <= 0;
  UPDATE recsys.place_count_rows AS x SET places = x.places - 1
  FROM unnest(one.reasons) WITH ORDINALITY AS e(reason, rank)
  WHERE x.publication_id = publication AND x.segment = coalesce(one.segment, '') AND x.rank = e.rank AND x.reason = e.reason;
  DELETE FROM recsys.place_count_rows AS x WHERE x.publication_id = publication AND x.places <= 0;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.uncount_list FROM PUBLIC;

COMMENT ON FUNCTION recsys.uncount_list IS 'Take one list out of these counts.';
