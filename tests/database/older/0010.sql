-- The application's query, cheaper again: what is out of stock is looked up among what is out of stock, a far smaller
-- index than that of all items; and where a user's own list suffices, as it nearly always does, no other query runs.
CREATE INDEX item_out_of_stock ON recsys.item_availability (item_id) WHERE NOT available;

-- Tiers: the user's own list with its spares, then the segment's fallback, then the overall fallback. What is out of
-- stock now is left out, an item keeps its best tier, and lower tiers only fill what is missing. STABLE: all queries
-- see one snapshot, so pointer and rows cannot disagree.
CREATE OR REPLACE FUNCTION recsys.recommend(user_id text, k int DEFAULT NULL)
RETURNS TABLE (
  rank int, item_id text, title text, score real, reason text, reason_item_id text, rung text, variant text,
  release text, as_of date, publication_id bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  live record;
  who record;
  shown int;
BEGIN
  SELECT p.id, p.release, p.as_of, least(greatest(coalesce(recommend.k, p.k), 0), 1000) AS k INTO live
  FROM recsys.current_publication AS c
  JOIN recsys.publication AS p ON p.id = c.publication_id;
  SELECT u.user_key, u.segment INTO who FROM recsys.users AS u WHERE u.user_id = recommend.user_id;

  RETURN QUERY
  SELECT (row_number() OVER ())::int, o.item_id, o.title, o.score,
         (ARRAY['for_you', 'because_of', 'again', 'popular', 'trending', 'new', 'promoted'])[o.reason + 1],
         (SELECT r.item_id FROM recsys.items AS r WHERE r.item_key = o.reason_item AND o.reason_item >= 0),
         (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[o.rung + 1],
         o.variant, live.release, live.as_of, live.id
  FROM (
    SELECT i.item_id, i.title, e.score, e.reason, e.reason_item, l.rung, l.variant
    FROM recsys.list_rows AS l
    CROSS JOIN LATERAL unnest(l.items, l.scores, l.reasons, l.reason_items)
      WITH ORDINALITY AS e(item_key, score, reason, reason_item, n)
    JOIN recsys.items AS i ON i.item_key = e.item_key
    WHERE l.publication_id = live.id AND l.user_key = who.user_key
      AND CASE WHEN i.available
          THEN (SELECT a.available FROM recsys.item_availability AS a
                WHERE a.item_id = i.item_id AND NOT a.available) IS NULL
          ELSE coalesce((SELECT a.available FROM recsys.item_availability AS a WHERE a.item_id = i.item_id), false) END
    ORDER BY e.n
    LIMIT live.k
  ) AS o;
  GET DIAGNOSTICS shown = ROW_COUNT;
  IF shown >= live.k THEN
    RETURN;
  END IF;

  RETURN QUERY
  SELECT shown + (row_number() OVER (ORDER BY o.tier, o.n))::int, o.item_id, o.title, o.score,
         'popular', NULL::text, 'popularity', 'fallback', live.release, live.as_of, live.id
  FROM (
    SELECT f.tier, f.n, i.item_id, i.title, f.score
    FROM (
      SELECT DISTINCT ON (t.item_key) t.*
      FROM (
        SELECT CASE WHEN f.segment = '' THEN 2 ELSE 1 END AS tier, e.n, e.item_key, e.score
        FROM recsys.fallback_rows AS f
        CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, n)
        WHERE f.publication_id = live.id AND f.segment IN ('', coalesce(who.segment, ''))
      ) AS t
      WHERE t.item_key NOT IN (SELECT unnest(l.items) FROM recsys.list_rows AS l
                               WHERE l.publication_id = live.id AND l.user_key = who.user_key)
      ORDER BY t.item_key, t.tier, t.n
    ) AS f
    JOIN recsys.items AS i ON i.item_key = f.item_key
    LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
    WHERE coalesce(a.available, i.available)
    ORDER BY f.tier, f.n
    LIMIT live.k - shown
  ) AS o;
END $$;
