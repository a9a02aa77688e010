CREATE OR REPLACE VIEW recsys.segment_items AS
SELECT x.publication_id, p.as_of, nullif(x.segment, '') AS segment,
       (row_number() OVER (PARTITION BY x.publication_id, x.segment ORDER BY x.lists DESC, i.item_id))::int AS place,
       i.item_id, i.title, i.category, x.lists
FROM recsys.segment_item_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
JOIN recsys.items AS i ON i.item_key = x.item_key;

GRANT SELECT ON recsys.segment_items TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.segment_items IS
  'The 100 items that most own lists of each segment show in their first k places, of each publication, counted by its monitor stage over everyone, not a sample. Kept for monitoring.history_nights; publications of before this was counted are left out.';
COMMENT ON COLUMN recsys.segment_items.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.segment_items.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.segment_items.segment IS 'Value of the users'' segment attribute by that night; null without one.';
COMMENT ON COLUMN recsys.segment_items.place IS 'Place within the segment, 1 is in most lists; ties by item_id.';
COMMENT ON COLUMN recsys.segment_items.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.segment_items.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.segment_items.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.segment_items.lists IS
  'Lists of the segment that show it; over sum(lists) of list_counts of that segment it is a share.';
