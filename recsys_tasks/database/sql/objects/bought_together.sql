CREATE OR REPLACE VIEW recsys.bought_together AS
SELECT i.item_id, i.title, e.rank::int AS rank, o.item_id AS other_item_id, o.title AS other_title, e.lift, e.baskets,
       p.as_of, p.id AS publication_id
FROM recsys.current_publication AS c
JOIN recsys.publication AS p ON p.id = c.publication_id
JOIN recsys.together_rows AS t ON t.publication_id = p.id
CROSS JOIN LATERAL unnest(t.items, t.lifts, t.baskets) WITH ORDINALITY AS e(item_key, lift, baskets, rank)
JOIN recsys.items AS i ON i.item_key = t.item_key
JOIN recsys.items AS o ON o.item_key = e.item_key AND NOT o.blocked
LEFT JOIN recsys.item_availability AS a ON a.item_id = o.item_id
WHERE coalesce(a.available, o.available);

GRANT SELECT ON recsys.bought_together TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.bought_together IS
  'What users buy on the same day as an item, in the current publication, without what is out of stock or blocked now: one row per item and place; a rank left out is that of such an item. Of the last 365 days, by the kinds of event in serving.bought_by.';
COMMENT ON COLUMN recsys.bought_together.item_id IS 'The item asked about.';
COMMENT ON COLUMN recsys.bought_together.title IS 'Its title.';
COMMENT ON COLUMN recsys.bought_together.rank IS 'Place in the list, 1 is best: by lift, then baskets.';
COMMENT ON COLUMN recsys.bought_together.other_item_id IS 'What is bought with it.';
COMMENT ON COLUMN recsys.bought_together.other_title IS 'Title of that item.';
COMMENT ON COLUMN recsys.bought_together.lift IS
  'How many times as often the two are in one basket as chance would have it; a basket is what one user bought on one UTC day.';
COMMENT ON COLUMN recsys.bought_together.baskets IS 'Baskets that had both, at least serving.least_baskets.';
COMMENT ON COLUMN recsys.bought_together.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.bought_together.publication_id IS 'Publication it belongs to.';
