-- The whole publication is looked through, key by key, which is several times faster than through the view of its places.
CREATE OR REPLACE FUNCTION recsys.users_shown(item_id text)
RETURNS TABLE (user_id text, segment text, rank int, reason text, as_of date, publication_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  live record;
  wanted int;
BEGIN
  SELECT p.id, p.as_of, p.k INTO live
  FROM recsys.current_publication AS c JOIN recsys.publication AS p ON p.id = c.publication_id;
  SELECT i.item_key INTO wanted FROM recsys.items AS i WHERE i.item_id = users_shown.item_id;
  IF live.id IS NULL OR wanted IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT u.user_id, u.segment, o.rank, n.name, $2, $3 '
    'FROM (SELECT l.user_key, array_position(l.items, $1) AS rank, l.reasons FROM recsys.%I AS l '
    '      WHERE $1 = ANY (l.items[1:$4])) AS o '
    'JOIN recsys.users AS u ON u.user_key = o.user_key '
    'LEFT JOIN recsys.reason_names AS n ON n.code = o.reasons[o.rank]', 'list_rows_' || live.id)
  USING wanted, live.as_of, live.id, live.k;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.users_shown FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.users_shown TO recsys_reader, recsys_writer;

COMMENT ON FUNCTION recsys.users_shown IS
  'Users whose own list, of the publication that readers see, has an item in its first k places, with its place and reason; in no order. Users on a fallback list are not among them: fallback_lists says what these have. Not filtered by later availability.';
