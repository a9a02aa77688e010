CREATE OR REPLACE VIEW recsys.audience_changes AS
SELECT x.publication_id, p.as_of, x.before_id AS before_publication_id, b.as_of AS before_as_of,
       nullif(x.segment, '') AS segment, x.change, nullif(x.why, '') AS why, x.users
FROM recsys.audience_change_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
JOIN recsys.publication AS b ON b.id = x.before_id
UNION ALL
SELECT p.id, p.as_of, b.id, b.as_of, NULL, 'lost', 'erased', b.erased_lists
FROM (SELECT DISTINCT x.publication_id, x.before_id FROM recsys.audience_change_rows AS x) AS n
JOIN recsys.publication AS p ON p.id = n.publication_id
JOIN recsys.publication AS b ON b.id = n.before_id AND b.erased_lists > 0;

GRANT SELECT ON recsys.audience_changes TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.audience_changes IS
  'How many users kept, gained or lost a list of their own since the night before, by segment and reason: one row per publication and such group, counted by the monitor stage of its night. kept and lost together are the lists of the night before, kept and gained those of the night. Kept for monitoring.history_nights; publications of before this was counted are left out.';
COMMENT ON COLUMN recsys.audience_changes.publication_id IS 'Publication of the night.';
COMMENT ON COLUMN recsys.audience_changes.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.audience_changes.before_publication_id IS 'Publication that it is compared with.';
COMMENT ON COLUMN recsys.audience_changes.before_as_of IS
  'Night of that publication: the newest earlier one within a week, also where readers never saw it.';
COMMENT ON COLUMN recsys.audience_changes.segment IS
  'Value of the users'' segment attribute by that night; null without one, and for erased users, of whom only their number is kept.';
COMMENT ON COLUMN recsys.audience_changes.change IS
  'kept: a list of their own in both; gained: only now; lost: only before.';
COMMENT ON COLUMN recsys.audience_changes.why IS
  'Of lost: why there is none now. inactive, too few events and active since as in audience; erased: the user was, at any time since the night before''s lists were made; unknown: the list''s user is not in the users table. Null for kept and gained.';
COMMENT ON COLUMN recsys.audience_changes.users IS 'Number of users.';
