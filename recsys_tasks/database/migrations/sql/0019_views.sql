-- A score is a chance or null; what an application reads beside recommend() leaves out what may not be shown now.
CREATE OR REPLACE VIEW recsys.entries AS  -- not granted: what the two long views share
SELECT l.publication_id,
       u.user_id,
       e.rank::int AS rank,
       i.item_id,
       i.title,
       CASE WHEN p.calibrated AND l.rung IN (0, 1) AND e.rank_before > 0 THEN e.score END AS score,
       (ARRAY['for_you', 'because_of', 'again', 'popular', 'trending', 'new', 'promoted'])[e.reason + 1] AS reason,
       r.item_id AS reason_item_id,
       r.title AS reason_item_title,
       s.names AS sources,
       e.rank_before::int AS rank_before,
       (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[l.rung + 1] AS rung,
       l.variant,
       e.propensity,
       p.release,
       p.tower_version,
       p.as_of,
       p.published_at IS NOT NULL AS published,
       u.segment
FROM recsys.publication AS p
JOIN recsys.list_rows AS l ON l.publication_id = p.id
JOIN recsys.users AS u ON u.user_key = l.user_key
CROSS JOIN LATERAL unnest(l.items, l.scores, l.sources, l.reasons, l.reason_items, l.ranks_before, l.propensities)
  WITH ORDINALITY AS e(item_key, score, source_mask, reason, reason_item, rank_before, propensity, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key
LEFT JOIN recsys.items AS r ON r.item_key = e.reason_item
LEFT JOIN recsys.source_sets AS s ON s.mask = e.source_mask
WHERE e.rank <= p.k;

CREATE OR REPLACE VIEW recsys.recommendation_lists AS
SELECT u.user_id,
       ARRAY(SELECT i.item_id
             FROM unnest(l.items[1:p.k]) WITH ORDINALITY AS e(item_key, n)
             JOIN recsys.items AS i ON i.item_key = e.item_key
             ORDER BY e.n) AS item_ids,
       CASE WHEN NOT p.calibrated OR l.rung NOT IN (0, 1) THEN array_fill(NULL::real, ARRAY[cardinality(l.items[1:p.k])])
            WHEN 0 = ANY (l.ranks_before) THEN ARRAY(SELECT CASE WHEN e.rank_before > 0 THEN e.score END
                                                     FROM unnest(l.scores[1:p.k], l.ranks_before[1:p.k])
                                                       WITH ORDINALITY AS e(score, rank_before, n)
                                                     ORDER BY e.n)
            ELSE l.scores[1:p.k] END AS scores,
       (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[l.rung + 1] AS rung,
       l.variant,
       l.short_reason,
       p.release,
       p.tower_version,
       p.as_of,
       p.id AS publication_id,
       u.segment
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.list_rows AS l ON l.publication_id = p.id
JOIN recsys.users AS u ON u.user_key = l.user_key
WHERE l.publication_id = (SELECT c2.publication_id FROM recsys.current_publication AS c2);

CREATE OR REPLACE VIEW recsys.similar_items AS
SELECT i.item_id, i.title, e.rank::int AS rank, o.item_id AS similar_item_id, o.title AS similar_title, e.score,
       p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.similar_rows AS s ON s.publication_id = p.id
CROSS JOIN LATERAL unnest(s.items, s.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = s.item_key
JOIN recsys.items AS o ON o.item_key = e.item_key AND NOT o.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = o.item_id
WHERE coalesce(a.available, o.available);

CREATE OR REPLACE VIEW recsys.fallback_lists AS
SELECT f.segment, e.rank::int AS rank, i.item_id, i.title, e.score, p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.fallback_rows AS f ON f.publication_id = p.id
CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key AND NOT i.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
WHERE coalesce(a.available, i.available);

CREATE OR REPLACE VIEW recsys.catalogue AS
SELECT i.item_id, i.title, i.category, coalesce(a.available, i.available) AND NOT i.blocked AS available,
       (i.available_from AT TIME ZONE 'UTC')::date AS available_from
FROM recsys.items AS i
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id;

COMMENT ON COLUMN recsys.recommendations.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1]; null where no calibrated ranker gave one: retrieval''s order, promoted items that it was not asked about, a ranker that saw too little come true.';
COMMENT ON COLUMN recsys.recommendation_history.score IS
  'Chance of the objectives within the label window, mixed by their weights, in [0, 1]; null where no calibrated ranker gave one: retrieval''s order, promoted items that it was not asked about, a ranker that saw too little come true.';
COMMENT ON COLUMN recsys.recommendation_lists.scores IS
  'Score of each item as in recommendations.score, null where that is; the arrays are parallel.';
COMMENT ON COLUMN recsys.fallback_lists.score IS
  'Recency-weighted popularity over that of the list''s first item, in [0, 1]; no chance, and 0 for items that only fill the list up.';
COMMENT ON VIEW recsys.similar_items IS
  'Nearest items of each item in the current publication, without what is out of stock or blocked now: one row per item and place; a rank left out is that of such an item.';
COMMENT ON VIEW recsys.fallback_lists IS
  'Popular items of the current publication, without what is out of stock or blocked now: one row per segment and place; a rank left out is that of such an item. Of no user: recommend() also leaves out what the repeat policy forbids one.';
COMMENT ON FUNCTION recsys.recommend IS
  'The first k items for a user now: the current list without what is out of stock or blocked, topped up from its spares, then from the fallback lists without what the repeat policy forbids the user as of the publication''s cutoff; unknown users get the fallback. Fewer than k rows: there is nothing more that the user may be shown. The score is a chance as in recommendations.score, null for top-ups.';
