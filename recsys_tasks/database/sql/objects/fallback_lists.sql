CREATE OR REPLACE VIEW recsys.fallback_lists AS
SELECT f.segment, e.rank::int AS rank, i.item_id, i.title, e.score, p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.fallback_rows AS f ON f.publication_id = p.id
CROSS JOIN LATERAL unnest(f.items, f.scores) WITH ORDINALITY AS e(item_key, score, rank)
JOIN recsys.items AS i ON i.item_key = e.item_key AND NOT i.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id
WHERE coalesce(a.available, i.available);

GRANT SELECT ON recsys.fallback_lists TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.fallback_lists IS
  'Popular items of the current publication, without what is out of stock or blocked now: one row per segment and place; a rank left out is that of such an item. Of no user: recommend() also leaves out what the repeat policy or a negative event forbids one.';
COMMENT ON COLUMN recsys.fallback_lists.segment IS
  'Value of the users'' segment attribute; empty for all users together.';
COMMENT ON COLUMN recsys.fallback_lists.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.fallback_lists.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.fallback_lists.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.fallback_lists.score IS
  'Recency-weighted popularity over that of the list''s first item, in [0, 1]; no probability, and 0 for items that only fill the list up.';
COMMENT ON COLUMN recsys.fallback_lists.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.fallback_lists.publication_id IS 'Publication it belongs to.';
