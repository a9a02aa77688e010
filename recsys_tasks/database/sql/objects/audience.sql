CREATE OR REPLACE VIEW recsys.audience AS
SELECT u.user_id, u.segment,
       CASE WHEN p.id IS NULL THEN NULL
            WHEN l.user_key IS NOT NULL THEN 'own'
            WHEN f.segment <> '' THEN 'segment'
            ELSE 'everyone' END AS served_by,
       p.as_of, p.id AS publication_id, u.last_active,
       CASE WHEN p.id IS NULL OR l.user_key IS NOT NULL THEN NULL
            WHEN u.last_active >= p.as_of THEN 'active since'
            WHEN u.last_active IS NULL THEN 'inactive'
            ELSE 'too few events' END AS why_no_list,
       u.attributes
FROM recsys.users AS u
LEFT JOIN recsys.publication AS p ON p.id = (SELECT c.publication_id FROM recsys.current_publication AS c)
LEFT JOIN recsys.list_rows AS l
  ON l.publication_id = (SELECT c.publication_id FROM recsys.current_publication AS c) AND l.user_key = u.user_key
LEFT JOIN recsys.fallback_rows AS f ON f.publication_id = p.id AND f.segment = u.segment;

GRANT SELECT ON recsys.audience TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.audience IS
  'Every user the shop ever named, one row each, and what recommend() answers them with now: nobody is left out, as inactive users are of the lists.';
COMMENT ON COLUMN recsys.audience.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.audience.segment IS
  'Value of the user''s segment attribute by the newest night; null without one.';
COMMENT ON COLUMN recsys.audience.served_by IS
  'own: a list of the user''s own; without one, as users below activity.min_events in activity.within_days are, segment: the fallback list of the segment, or everyone: that of all users. Null before the first publication.';
COMMENT ON COLUMN recsys.audience.as_of IS 'Night of the publication that readers see.';
COMMENT ON COLUMN recsys.audience.publication_id IS 'That publication.';
COMMENT ON COLUMN recsys.audience.last_active IS
  'UTC day of the user''s newest event within activity.within_days before the newest night; null: none in those days, or no night has written it yet.';
COMMENT ON COLUMN recsys.audience.why_no_list IS
  'Why there is no list of the user''s own: inactive: no event within activity.within_days; too few events: fewer than activity.min_events in them; active since: only after the night of the lists that readers see. Null for users with one, and before the first publication.';
COMMENT ON COLUMN recsys.audience.attributes IS
  'Declared attributes, a JSON object, as of the newest night: attributes ->> ''country''.';
