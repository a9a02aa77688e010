-- These three are also written through: PostgreSQL passes INSERT, UPDATE and ON CONFLICT on to their tables.
CREATE OR REPLACE VIEW recsys.gate_decisions AS
SELECT g.id, g.as_of, g.challenger, g.champion, g.verdict, g.paragraph, g.rules, g.decided_at
FROM recsys.gate_decision_rows AS g;

GRANT SELECT ON recsys.gate_decisions TO recsys_reader, recsys_writer;
GRANT INSERT ON recsys.gate_decisions TO recsys_writer;

COMMENT ON VIEW recsys.gate_decisions IS 'Every verdict of the release gate, oldest first by id; rows never change.';
COMMENT ON COLUMN recsys.gate_decisions.id IS 'Running number.';
COMMENT ON COLUMN recsys.gate_decisions.as_of IS 'Night that judged: on what users did in the window before 00:00 UTC of it.';
COMMENT ON COLUMN recsys.gate_decisions.challenger IS 'Release that wanted to be champion.';
COMMENT ON COLUMN recsys.gate_decisions.champion IS 'Release that was champion then; null while there was none.';
COMMENT ON COLUMN recsys.gate_decisions.verdict IS 'promote, reject, hold (a person decides) or refuse.';
COMMENT ON COLUMN recsys.gate_decisions.paragraph IS 'The verdict in words, with the figures.';
COMMENT ON COLUMN recsys.gate_decisions.rules IS
  'Every rule, a JSON array: name, bound, value, passed, words, and leads_to, the verdict of failing it.';
COMMENT ON COLUMN recsys.gate_decisions.decided_at IS
  'When it was written down, by the database''s clock, of a simulated shop too.';
