CREATE OR REPLACE VIEW recsys.item_exposure AS
SELECT x.publication_id, p.as_of, i.item_id, i.title, i.category, x.lists, x.first_places,
       x.lists::float8 / nullif(p.rows, 0) AS share,
       (i.available_from AT TIME ZONE 'UTC')::date AS available_from
FROM recsys.item_exposure_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
LEFT JOIN recsys.items AS i ON i.item_key = x.item_key  -- each is there: not joined where no column of it is asked
WHERE p.status IN ('ready', 'published', 'held') AND p.retired_at IS NULL;

GRANT SELECT ON recsys.item_exposure TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.item_exposure IS
  'How often the lists of each kept publication show each item, in their first k places: one row per publication and item that was on offer that night, or shown; zeros for items that no list shows.';
COMMENT ON COLUMN recsys.item_exposure.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.item_exposure.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.item_exposure.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.item_exposure.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.item_exposure.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.item_exposure.lists IS 'Lists that show the item.';
COMMENT ON COLUMN recsys.item_exposure.first_places IS 'Lists that show it first.';
COMMENT ON COLUMN recsys.item_exposure.share IS 'Share of the publication''s lists that show it, in [0, 1].';
COMMENT ON COLUMN recsys.item_exposure.available_from IS
  'UTC day since which the item exists, as in catalogue: a new item by age, not one that is back in stock.';
