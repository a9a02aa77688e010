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

GRANT SELECT ON recsys.recommendation_lists TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.recommendation_lists IS
  'What every user with a list of their own sees now, one row per user: the first k places as arrays, best first. Users without a list are in audience.';
COMMENT ON COLUMN recsys.recommendation_lists.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.recommendation_lists.item_ids IS 'Items, best first.';
COMMENT ON COLUMN recsys.recommendation_lists.scores IS
  'Score of each item as in recommendations.score, null where that is; the arrays are parallel.';
COMMENT ON COLUMN recsys.recommendation_lists.rung IS
  'How the list was made: heavy, by the heavy ranker, after the light one''s cut where there is one; retrieval, in retrieval''s order, where no ranker serves. recommend() adds rows of the fallback lists, popularity. No stage makes light or previous today.';
COMMENT ON COLUMN recsys.recommendation_lists.variant IS
  'Always default: no experiment divides users today.';
COMMENT ON COLUMN recsys.recommendation_lists.short_reason IS
  'Why the list has fewer than k items; null when it is full.';
COMMENT ON COLUMN recsys.recommendation_lists.release IS
  'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.recommendation_lists.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.recommendation_lists.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.recommendation_lists.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.recommendation_lists.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';
