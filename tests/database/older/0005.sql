-- The anchor and the shadow are on record like the champion; and who was champion when is one query.

ALTER TABLE recsys.release_events DROP CONSTRAINT release_events_event_check;
ALTER TABLE recsys.release_events ADD CONSTRAINT release_events_event_check CHECK (
  event IN ('registered', 'promoted', 'rejected', 'rolled_back', 'hand_moved', 'anchored', 'shadowed'));

CREATE VIEW recsys.release_history AS
SELECT e.id, e.ts AS at, e.event, NULLIF(e.release, 'none') AS release, e.who, e.why
FROM recsys.release_events AS e;

-- After each of these events its release is champion; 'none' ends a move that was made by hand before there was one.
CREATE VIEW recsys.champions AS
SELECT e.id, NULLIF(e.release, 'none') AS release, e.ts AS live_from, lead(e.ts) OVER (ORDER BY e.id) AS live_until,
       e.event, e.who, e.why
FROM recsys.release_events AS e
WHERE e.event IN ('promoted', 'rolled_back', 'hand_moved');

GRANT SELECT ON recsys.release_history, recsys.champions TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.release_history IS
  'Everything that happened to releases, oldest first by id: who did it, when and why; rows never change.';
COMMENT ON COLUMN recsys.release_history.id IS 'Running number.';
COMMENT ON COLUMN recsys.release_history.at IS 'When it happened.';
COMMENT ON COLUMN recsys.release_history.event IS
  'registered, promoted, rejected, rolled_back, hand_moved, anchored or shadowed.';
COMMENT ON COLUMN recsys.release_history.release IS
  'Release that it happened to: for rolled_back the one that is champion again; null when an alias was taken away.';
COMMENT ON COLUMN recsys.release_history.who IS 'Who or what did it.';
COMMENT ON COLUMN recsys.release_history.why IS 'Reason given.';

COMMENT ON VIEW recsys.champions IS
  'Which release was champion from when to when, oldest first by id: what was live on a date is one row of it.';
COMMENT ON COLUMN recsys.champions.id IS 'Running number of the event that made it champion.';
COMMENT ON COLUMN recsys.champions.release IS 'The champion; null while there was none.';
COMMENT ON COLUMN recsys.champions.live_from IS 'When it became champion.';
COMMENT ON COLUMN recsys.champions.live_until IS 'When the next row began; null for the newest.';
COMMENT ON COLUMN recsys.champions.event IS 'How it became champion: promoted, rolled_back or hand_moved.';
COMMENT ON COLUMN recsys.champions.who IS 'Who or what did it.';
COMMENT ON COLUMN recsys.champions.why IS 'Reason given.';

COMMENT ON COLUMN recsys.releases.last_event IS
  'registered, promoted, rejected, rolled_back, hand_moved, anchored or shadowed.';
COMMENT ON COLUMN recsys.gate_decisions.verdict IS 'promote, reject, hold (a person decides) or refuse.';
COMMENT ON COLUMN recsys.gate_decisions.rules IS
  'Every rule, a JSON array: name, bound, value, passed, words, and leads_to, the verdict of failing it.';
