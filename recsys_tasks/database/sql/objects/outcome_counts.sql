CREATE OR REPLACE VIEW recsys.outcome_counts AS
SELECT x.publication_id, p.as_of, nullif(x.segment, '') AS segment, x.rank::int AS rank, n.name AS reason, w.event,
       x.places, coalesce(o.places_with, 0) AS places_with, coalesce(o.times, 0) AS times, o.amount,
       w.window_start, w.window_end, w.complete
FROM recsys.outcome_windows AS w
JOIN recsys.publication AS p ON p.id = w.publication_id
JOIN recsys.place_count_rows AS x ON x.publication_id = w.publication_id
LEFT JOIN recsys.outcome_count_rows AS o
  ON o.publication_id = x.publication_id AND o.segment = x.segment AND o.rank = x.rank AND o.reason = x.reason
  AND o.event = w.event
LEFT JOIN recsys.reason_names AS n ON n.code = x.reason;

GRANT SELECT ON recsys.outcome_counts TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.outcome_counts IS
  'What users did with the places of each publication that readers saw, by segment, rank, reason and kind of event; places nobody did anything with are counted in places. Conversion is sum(places_with) / sum(places), of one event. Kept for monitoring.history_nights.';
COMMENT ON COLUMN recsys.outcome_counts.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.outcome_counts.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.outcome_counts.segment IS 'Value of the users'' segment attribute by then; null without one.';
COMMENT ON COLUMN recsys.outcome_counts.rank IS 'Place in the list, 1 is best; the first k only.';
COMMENT ON COLUMN recsys.outcome_counts.reason IS 'Why the items are there, as in recommendations.';
COMMENT ON COLUMN recsys.outcome_counts.event IS 'Kind of event, one of events.kinds; each place is counted once for each.';
COMMENT ON COLUMN recsys.outcome_counts.places IS 'Places shown: of all users with an own list, also of those who did not come.';
COMMENT ON COLUMN recsys.outcome_counts.places_with IS
  'Of them, places whose user did this with their item within the window, however often.';
COMMENT ON COLUMN recsys.outcome_counts.times IS
  'How often they did, without what a negative event, such as a return, took back before window_end.';
COMMENT ON COLUMN recsys.outcome_counts.amount IS
  'Sum of price times quantity of these events: revenue, of a kind by which users pay, else the worth of what was looked at. A quantity that is not reported is 1; null where no event has a price.';
COMMENT ON COLUMN recsys.outcome_counts.window_start IS 'Events count from here: when readers first saw the publication.';
COMMENT ON COLUMN recsys.outcome_counts.window_end IS
  'And before this: monitoring.outcome_days after the night''s cutoff, or the night that measured it, if that is earlier. Windows of more than a day overlap: the same event then counts for several nights'' lists.';
COMMENT ON COLUMN recsys.outcome_counts.complete IS
  'Whether the window is over. Events delivered after that are not counted any more.';
