CREATE OR REPLACE VIEW recsys.item_history AS
SELECT x.publication_id, p.as_of, i.item_id, i.title, i.category, x.lists, x.first_places,
       x.lists::float8 / nullif(p.rows, 0) AS share
FROM recsys.item_exposure_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
LEFT JOIN recsys.items AS i ON i.item_key = x.item_key  -- each is there: not joined where no column of it is asked
WHERE p.published_at IS NOT NULL AND x.lists > 0;

GRANT SELECT ON recsys.item_history TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.item_history IS
  'How many lists showed each item, for every publication that readers saw, also after its lists are gone: kept for monitoring.history_nights. An item that no list showed has no row; item_exposure has it, for kept publications.';
COMMENT ON COLUMN recsys.item_history.publication_id IS 'Publication it belongs to; a night that was published again has several.';
COMMENT ON COLUMN recsys.item_history.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.item_history.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.item_history.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.item_history.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.item_history.lists IS 'Lists that showed the item in their first k places.';
COMMENT ON COLUMN recsys.item_history.first_places IS 'Lists that showed it first.';
COMMENT ON COLUMN recsys.item_history.share IS 'Share of the publication''s lists that showed it, in [0, 1].';
