CREATE OR REPLACE VIEW recsys.catalogue AS
SELECT i.item_id, i.title, i.category, coalesce(a.available, i.available) AND NOT i.blocked AS available,
       (i.available_from AT TIME ZONE 'UTC')::date AS available_from, i.price, i.attributes,
       s.as_of AS last_shown
FROM recsys.items AS i
LEFT JOIN recsys.item_shown_rows AS s ON s.item_key = i.item_key
LEFT JOIN recsys.item_availability AS a ON a.item_id = i.item_id;

GRANT SELECT ON recsys.catalogue TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.catalogue IS
  'Every item the shop ever named, one row each, sold out and delisted ones too: is it on offer now, and since when does it exist?';
COMMENT ON COLUMN recsys.catalogue.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.catalogue.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.catalogue.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.catalogue.available IS
  'Whether recommend() may show it now: the newest that a night or the shop has reported.';
COMMENT ON COLUMN recsys.catalogue.available_from IS
  'UTC day since which it exists: its launch by the shop''s own column, else the first night that knew it, and never after its first event. Being out of stock does not change it. Null where no night has written it yet.';
COMMENT ON COLUMN recsys.catalogue.price IS
  'Price by the attribute that items.price names, in the shop''s currency, as of the newest night; null where the settings name none, or no night has written it yet.';
COMMENT ON COLUMN recsys.catalogue.attributes IS
  'Declared attributes but for vectors, a JSON object, as of the newest night: attributes ->> ''brand''.';
COMMENT ON COLUMN recsys.catalogue.last_shown IS
  'Newest night whose lists readers saw and some of which had the item in their first k places; null: none, as far back as item_history went when this was first noted.';
