CREATE OR REPLACE VIEW recsys.outcome_totals AS
SELECT w.publication_id, p.as_of, w.event, w.users, w.times, w.amount,
       coalesce(o.times, 0) AS list_times, CASE WHEN w.amount IS NOT NULL THEN coalesce(o.amount, 0) END AS list_amount,
       coalesce(o.times, 0)::float8 / nullif(w.times, 0) AS share, w.window_start, w.window_end, w.complete
FROM recsys.outcome_windows AS w
JOIN recsys.publication AS p ON p.id = w.publication_id
LEFT JOIN (SELECT x.publication_id, x.event, sum(x.times)::bigint AS times, sum(x.amount) AS amount
           FROM recsys.outcome_count_rows AS x GROUP BY x.publication_id, x.event) AS o
  ON o.publication_id = w.publication_id AND o.event = w.event
WHERE w.users IS NOT NULL;

GRANT SELECT ON recsys.outcome_totals TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.outcome_totals IS
  'How much of all that users did went through the lists: one row per publication that readers saw and kind of event, over the window in which its outcomes are counted. Kept for monitoring.history_nights; publications of before this was counted are left out.';
COMMENT ON COLUMN recsys.outcome_totals.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.outcome_totals.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.outcome_totals.event IS 'Kind of event, one of events.kinds.';
COMMENT ON COLUMN recsys.outcome_totals.users IS 'Users of the whole shop, with or without a list, who did this within the window.';
COMMENT ON COLUMN recsys.outcome_totals.times IS
  'How often they did, with any item, without what a negative event, such as a return, took back before window_end.';
COMMENT ON COLUMN recsys.outcome_totals.amount IS
  'Sum of price times quantity of these events, as in outcome_counts; null where no event has a price.';
COMMENT ON COLUMN recsys.outcome_totals.list_times IS
  'Of times, with an item of the user''s own list: sum(times) of outcome_counts. That the user saw the place is not known.';
COMMENT ON COLUMN recsys.outcome_totals.list_amount IS
  'Of amount, with an item of the user''s own list; null where amount is.';
COMMENT ON COLUMN recsys.outcome_totals.share IS 'list_times over times, in [0, 1]; null where nobody did anything.';
COMMENT ON COLUMN recsys.outcome_totals.window_start IS 'Events count from here, as in outcome_counts.';
COMMENT ON COLUMN recsys.outcome_totals.window_end IS 'And before this, as in outcome_counts.';
COMMENT ON COLUMN recsys.outcome_totals.complete IS 'Whether the window is over.';
