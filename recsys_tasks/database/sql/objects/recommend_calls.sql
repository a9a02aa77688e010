CREATE OR REPLACE VIEW recsys.recommend_calls AS
SELECT c.day, c.outcome, c.calls FROM recsys.recommend_call_rows AS c;

GRANT SELECT ON recsys.recommend_calls TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.recommend_calls IS
  'How often recommend() was called, by what it answered with: one row per day and outcome; an outcome without a row had no call. By the server''s own statistics (track_functions), noted once by each night and, of a shop with the wall''s clock, every ten minutes by watch_freshness: a server that crashed loses what was not noted. Empty where track_functions is off; the role recsys_reader has it on, on the embedded server and a new one of compose. Kept for monitoring.history_nights.';
COMMENT ON COLUMN recsys.recommend_calls.day IS
  'UTC day on which the calls were noted, by the database''s clock, of a simulated shop too.';
COMMENT ON COLUMN recsys.recommend_calls.outcome IS
  'own: k items of the user''s own list and its spares; filled_up: fewer of them, and what the fallback lists had; segment: no own list, the fallback list of the segment first; everyone: that of all users; nothing: no rows.';
COMMENT ON COLUMN recsys.recommend_calls.calls IS 'Number of calls.';
