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

GRANT SELECT ON recsys.similar_items TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.similar_items IS
  'Nearest items of each item in the current publication, without what is out of stock or blocked now: one row per item and place; a rank left out is that of such an item.';
COMMENT ON COLUMN recsys.similar_items.item_id IS 'The item asked about.';
COMMENT ON COLUMN recsys.similar_items.title IS 'Its title.';
COMMENT ON COLUMN recsys.similar_items.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.similar_items.similar_item_id IS 'A near item.';
COMMENT ON COLUMN recsys.similar_items.similar_title IS 'The near item''s title.';
COMMENT ON COLUMN recsys.similar_items.score IS 'Cosine similarity of the two item vectors, in [-1, 1].';
COMMENT ON COLUMN recsys.similar_items.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.similar_items.publication_id IS 'Publication it belongs to.';
