-- The application's query, cheaper: a user's own list answers by itself, and a fallback is only read where that list,
-- less what is out of stock, is too short. One statement, so one snapshot: pointer and rows cannot disagree.
--
-- Tiers: 0 the user's own list with its spares, 1 the segment's fallback, 2 the overall fallback. What is out of
-- stock now is left out, an item keeps its best tier, and lower tiers only fill what is missing.
CREATE OR REPLACE FUNCTION recsys.recommend(user_id text, k int DEFAULT NULL)
RETURNS TABLE (
  rank int, item_id text, title text, score real, reason text, reason_item_id text, rung text, variant text,
  release text, as_of date, publication_id bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH live AS MATERIALIZED (
    SELECT p.id, p.release, p.as_of, least(greatest(coalesce(recommend.k, p.k), 0), 1000) AS k
    FROM recsys.current_publication AS c
    JOIN recsys.publication AS p ON p.id = c.publication_id
  ),
  who AS MATERIALIZED (
    SELECT u.user_key, u.segment FROM recsys.users AS u WHERE u.user_id = recommend.user_id
  ),
  own AS MATERIALIZED (
    SELECT 0 AS tier, e.n, e.item_key, e.score, e.reason, e.reason_item, l.rung, l.variant, i.item_id, i.title
    FROM recsys.list_rows AS l
    CROSS JOIN LATERAL unnest(l.items, l.scores, l.reasons, l.reason_items)
      WITH ORDINALITY AS e(item_key, score, reason, reason_item, n)
    JOIN recsys.items AS i ON i.item_key = e.item_key
    LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
    WHERE l.publication_id = (SELECT live.id FROM live) AND l.user_key = (SELECT who.user_key FROM who)
      AND coalesce(a.available, i.available)
    ORDER BY e.n
    LIMIT (SELECT live.k FROM live)
  ),
  filled AS (
    SELECT DISTINCT ON (f.item_key) f.*
    FROM (
      SELECT CASE WHEN f.segment = '' THEN 2 ELSE 1 END AS tier, e.n, e.item_key, e.score, 3::smallint AS reason,
             -1 AS reason_item, 4::smallint AS rung, 'fallback' AS variant
      FROM recsys.fallback_rows AS f
      CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, n)
      WHERE f.publication_id = (SELECT live.id FROM live)
        AND f.segment IN ('', coalesce((SELECT who.segment FROM who), ''))
    ) AS f
    WHERE f.item_key NOT IN (SELECT own.item_key FROM own)
    ORDER BY f.item_key, f.tier, f.n
  ),
  best AS (
    SELECT * FROM own
    UNION ALL
    SELECT f.*, i.item_id, i.title
    FROM filled AS f
    JOIN recsys.items AS i ON i.item_key = f.item_key
    LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
    WHERE coalesce(a.available, i.available) AND (SELECT count(*) FROM own) < (SELECT live.k FROM live)
  )
  SELECT (row_number() OVER (ORDER BY b.tier, b.n))::int,
         b.item_id,
         b.title,
         b.score,
         (ARRAY['for_you', 'because_of', 'again', 'popular', 'trending', 'new', 'promoted'])[b.reason + 1],
         (SELECT r.item_id FROM recsys.items AS r WHERE r.item_key = b.reason_item AND b.reason_item >= 0),
         (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[b.rung + 1],
         b.variant,
         live.release,
         live.as_of,
         live.id
  FROM best AS b
  CROSS JOIN live
  ORDER BY b.tier, b.n
  LIMIT (SELECT live.k FROM live)
$$;
