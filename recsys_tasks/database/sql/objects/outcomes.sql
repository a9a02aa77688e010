CREATE OR REPLACE VIEW recsys.outcomes AS
SELECT u.user_id, nullif(o.segment, '') AS segment, o.rank::int AS rank, i.item_id, i.title, i.category,
       n.name AS reason, o.event, o.times, o.amount, p.as_of, o.publication_id, w.complete,
       (SELECT s.names FROM recsys.list_rows AS l JOIN recsys.source_sets AS s ON s.mask = l.sources[o.rank]
        WHERE l.publication_id = o.publication_id AND l.user_key = o.user_key) AS sources
FROM recsys.outcome_rows AS o
JOIN recsys.publication AS p ON p.id = o.publication_id
JOIN recsys.outcome_windows AS w ON w.publication_id = o.publication_id AND w.event = o.event
JOIN recsys.users AS u ON u.user_key = o.user_key
JOIN recsys.items AS i ON i.item_key = o.item_key
LEFT JOIN recsys.reason_names AS n ON n.code = o.reason;

GRANT SELECT ON recsys.outcomes TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.outcomes IS
  'Places of kept publications that readers saw and whose user did something with their item: one row per publication, user, place and kind of event. A place without a row had none; all places are counted in outcome_counts.';
COMMENT ON COLUMN recsys.outcomes.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.outcomes.segment IS 'Value of the user''s segment attribute by then; null without one.';
COMMENT ON COLUMN recsys.outcomes.rank IS 'Place in the list, 1 is best.';
COMMENT ON COLUMN recsys.outcomes.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.outcomes.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.outcomes.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.outcomes.reason IS 'Why it was there, as in recommendations.';
COMMENT ON COLUMN recsys.outcomes.event IS 'What the user did: one of events.kinds.';
COMMENT ON COLUMN recsys.outcomes.times IS 'How often, within the window, which is that of outcome_counts.';
COMMENT ON COLUMN recsys.outcomes.amount IS
  'Sum of price times quantity of these events, as in outcome_counts; null where none has a price.';
COMMENT ON COLUMN recsys.outcomes.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.outcomes.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.outcomes.complete IS 'Whether the window is over.';
COMMENT ON COLUMN recsys.outcomes.sources IS
  'Candidate generators that named the item, as in recommendation_history.';
