CREATE OR REPLACE VIEW recsys.item_events AS
SELECT i.item_id, i.title, i.category, x.event, x.users, x.times, x.amount,
       DATE '1970-01-01' + x.until AS as_of, DATE '1970-01-01' + x.until - 28 AS since
FROM recsys.item_event_rows AS x
JOIN recsys.items AS i ON i.item_key = x.item_key;

GRANT SELECT ON recsys.item_events TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.item_events IS
  'What users did with each item in the 28 days before the newest night, whatever the lists showed: one row per item and kind of event. An item with which nobody did this has no row; all items are in catalogue.';
COMMENT ON COLUMN recsys.item_events.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.item_events.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.item_events.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.item_events.event IS 'Kind of event, one of events.kinds.';
COMMENT ON COLUMN recsys.item_events.users IS 'Users who did this with the item.';
COMMENT ON COLUMN recsys.item_events.times IS 'How often they did, without what a negative event, such as a return, took back.';
COMMENT ON COLUMN recsys.item_events.amount IS
  'Sum of price times quantity of these events, as in outcome_counts: revenue, of a kind by which users pay; null where no event has a price.';
COMMENT ON COLUMN recsys.item_events.as_of IS
  'Night that counted: events before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.item_events.since IS 'First UTC day that is counted; days before the shop''s first are empty.';
