-- The application's query. One statement, so one snapshot: pointer and rows cannot disagree.
--
-- Tiers: 0 the user's own list with its spares, 1 the segment's fallback, 2 the overall fallback. What is out of
-- stock now is left out, an item keeps its best tier, and lower tiers only fill what is missing.
CREATE FUNCTION recsys.recommend(user_id text, k int DEFAULT NULL)
RETURNS TABLE (
  rank int, item_id text, title text, score real, reason text, reason_item_id text, rung text, variant text,
  release text, as_of date, publication_id bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH live AS MATERIALIZED (
    SELECT p.id, p.k, p.release, p.as_of
    FROM recsys.current_publication AS c
    JOIN recsys.publication AS p ON p.id = c.publication_id
  ),
  who AS MATERIALIZED (
    SELECT u.user_key, u.segment FROM recsys.users AS u WHERE u.user_id = recommend.user_id
  ),
  pool AS (
    SELECT 0 AS tier, e.n, e.item_key, e.score, e.reason, e.reason_item, l.rung, l.variant
    FROM recsys.list_rows AS l
    CROSS JOIN LATERAL unnest(l.items, l.scores, l.reasons, l.reason_items)
      WITH ORDINALITY AS e(item_key, score, reason, reason_item, n)
    WHERE l.publication_id = (SELECT live.id FROM live) AND l.user_key = (SELECT who.user_key FROM who)
    UNION ALL
    SELECT CASE WHEN f.segment = '' THEN 2 ELSE 1 END, e.n, e.item_key, e.score, 3::smallint, -1, 4::smallint, 'fallback'
    FROM recsys.fallback_rows AS f
    CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, n)
    WHERE f.publication_id = (SELECT live.id FROM live)
      AND f.segment IN ('', coalesce((SELECT who.segment FROM who), ''))
  ),
  best AS (
    SELECT DISTINCT ON (pool.item_key) pool.* FROM pool ORDER BY pool.item_key, pool.tier, pool.n
  )
  SELECT (row_number() OVER (ORDER BY b.tier, b.n))::int,
         i.item_id,
         i.title,
         b.score,
         (ARRAY['for_you', 'because_of', 'again', 'popular', 'trending', 'new', 'promoted'])[b.reason + 1],
         r.item_id,
         (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[b.rung + 1],
         b.variant,
         live.release,
         live.as_of,
         live.id
  FROM best AS b
  CROSS JOIN live
  JOIN recsys.items AS i ON i.item_key = b.item_key
  LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
  LEFT JOIN recsys.items AS r ON r.item_key = b.reason_item
  WHERE coalesce(a.available, i.available)
  ORDER BY b.tier, b.n
  LIMIT least(greatest(coalesce(recommend.k, (SELECT live.k FROM live)), 0), 1000)
$$;
REVOKE EXECUTE ON FUNCTION recsys.recommend FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.recommend TO recsys_reader, recsys_writer;
