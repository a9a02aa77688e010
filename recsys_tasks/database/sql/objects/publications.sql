CREATE OR REPLACE VIEW recsys.publications AS
SELECT p.id AS publication_id, p.as_of, p.status,
       p.id IS NOT DISTINCT FROM (SELECT c.publication_id FROM recsys.current_publication AS c) AS current,
       p.release, p.tower_version, p.learned_before, p.history_before, p.k, p.rows, p.checks, p.note,
       p.created_at, p.published_at, p.retired_at
FROM recsys.publication AS p;

GRANT SELECT ON recsys.publications TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.publications IS
  'Every publication made, one row each. Times are in the shop''s clock: of a simulated shop, those of its nights.';
COMMENT ON COLUMN recsys.publications.publication_id IS 'Number of the publication.';
COMMENT ON COLUMN recsys.publications.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.publications.status IS
  'building, ready (checked, not yet shown), published (shown at some time), held (rolled back from), or failed.';
COMMENT ON COLUMN recsys.publications.current IS 'True for the one publication that readers see.';
COMMENT ON COLUMN recsys.publications.release IS 'Release of the models that made it; null when no ranker served.';
COMMENT ON COLUMN recsys.publications.tower_version IS 'Version of the two-tower model.';
COMMENT ON COLUMN recsys.publications.learned_before IS
  'Parameters, counts and item vectors know only what happened before this date.';
COMMENT ON COLUMN recsys.publications.history_before IS 'Users'' histories end before this date.';
COMMENT ON COLUMN recsys.publications.k IS 'Places of a list that readers see.';
COMMENT ON COLUMN recsys.publications.rows IS 'Users with a list of their own.';
COMMENT ON COLUMN recsys.publications.checks IS
  'Result of every check, a JSON array of name, passed, severity, found, bound.';
COMMENT ON COLUMN recsys.publications.note IS 'Why it is not what readers see, where that needs saying.';
COMMENT ON COLUMN recsys.publications.created_at IS 'When it was begun.';
COMMENT ON COLUMN recsys.publications.published_at IS 'When readers first saw it; null if never.';
COMMENT ON COLUMN recsys.publications.retired_at IS 'When retention removed its lists; null while they are kept.';
