-- A score is a probability or null; what an application reads beside recommend() leaves out what may not be shown now.
CREATE OR REPLACE VIEW recsys.entries AS  -- not granted: what the two long views share
SELECT l.publication_id,
       u.user_id,
       e.rank::int AS rank,
       i.item_id,
       i.title,
       CASE WHEN p.calibrated AND l.rung IN (0, 1) AND e.rank_before > 0 THEN e.score END AS score,
       (ARRAY(SELECT n.name FROM recsys.reason_names AS n ORDER BY n.code))[e.reason + 1] AS reason,
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
