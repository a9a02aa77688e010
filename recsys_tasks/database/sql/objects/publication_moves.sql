CREATE OR REPLACE VIEW recsys.publication_moves AS
SELECT m.id, m.moved_at, m.moved_by, m.why, m.from_publication, f.as_of AS from_as_of, m.to_publication,
       t.as_of AS to_as_of
FROM recsys.pointer_moves AS m
LEFT JOIN recsys.publication AS f ON f.id = m.from_publication
JOIN recsys.publication AS t ON t.id = m.to_publication;

GRANT SELECT ON recsys.publication_moves TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.publication_moves IS
  'Every time readers were shown another publication, by a night or by a person; rows never change.';
COMMENT ON COLUMN recsys.publication_moves.id IS 'Running number.';
COMMENT ON COLUMN recsys.publication_moves.moved_at IS 'When, in the shop''s clock.';
COMMENT ON COLUMN recsys.publication_moves.moved_by IS 'Who: "nightly", or the person who rolled back or resumed.';
COMMENT ON COLUMN recsys.publication_moves.why IS 'published, resumed, or "rollback: " and the reason given.';
COMMENT ON COLUMN recsys.publication_moves.from_publication IS 'What readers saw before; null the first time.';
COMMENT ON COLUMN recsys.publication_moves.from_as_of IS 'Night of that publication.';
COMMENT ON COLUMN recsys.publication_moves.to_publication IS 'What they saw from then on.';
COMMENT ON COLUMN recsys.publication_moves.to_as_of IS 'Night of that publication.';
