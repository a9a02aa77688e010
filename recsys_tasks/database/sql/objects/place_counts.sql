CREATE OR REPLACE VIEW recsys.place_counts AS
SELECT x.publication_id, p.as_of, nullif(x.segment, '') AS segment, x.rank::int AS rank, n.name AS reason, x.places
FROM recsys.place_count_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
LEFT JOIN recsys.reason_names AS n ON n.code = x.reason;

GRANT SELECT ON recsys.place_counts TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.place_counts IS
  'The places of all own lists of a publication by segment, rank and reason, counted by its monitor stage: for everyone, not for a sample. Kept for monitoring.history_nights; publications of before this was counted are left out.';
COMMENT ON COLUMN recsys.place_counts.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.place_counts.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.place_counts.segment IS 'Value of the users'' segment attribute by that night; null without one.';
COMMENT ON COLUMN recsys.place_counts.rank IS 'Place in the list, 1 is best; the first k only.';
COMMENT ON COLUMN recsys.place_counts.reason IS 'Why the items are there, as in recommendations.';
COMMENT ON COLUMN recsys.place_counts.places IS 'Number of places.';
