CREATE OR REPLACE VIEW recsys.audience_counts AS
SELECT x.publication_id, p.as_of, nullif(x.segment, '') AS segment, x.served_by, nullif(x.why_no_list, '') AS why_no_list,
       x.users
FROM recsys.audience_count_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id;

GRANT SELECT ON recsys.audience_counts TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.audience_counts IS
  'How many users have a list of their own, and what the others get: audience counted for each publication, by the monitor stage of its night. Kept for monitoring.history_nights; publications of before this was counted are left out.';
COMMENT ON COLUMN recsys.audience_counts.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.audience_counts.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.audience_counts.segment IS 'Value of the users'' segment attribute by that night; null without one.';
COMMENT ON COLUMN recsys.audience_counts.served_by IS 'What recommend() answers them with while readers see this publication: own, segment or everyone, as in audience.';
COMMENT ON COLUMN recsys.audience_counts.why_no_list IS 'Why they have no list of their own, as in audience; null for own.';
COMMENT ON COLUMN recsys.audience_counts.users IS 'Number of users; everyone whom the shop ever named is in one row.';
