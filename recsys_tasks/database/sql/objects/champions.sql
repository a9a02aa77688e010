-- After each of these events its release is champion; 'none' ends a move that was made by hand before there was one.
CREATE OR REPLACE VIEW recsys.champions AS
SELECT e.id, NULLIF(e.release, 'none') AS release, e.ts AS live_from, lead(e.ts) OVER (ORDER BY e.id) AS live_until,
       e.event, e.who, e.why
FROM recsys.release_events AS e
WHERE e.event IN ('promoted', 'rolled_back', 'hand_moved');

GRANT SELECT ON recsys.champions TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.champions IS
  'Which release was champion from when to when, oldest first by id: what was live on a date is one row of it.';
COMMENT ON COLUMN recsys.champions.id IS 'Running number of the event that made it champion.';
COMMENT ON COLUMN recsys.champions.release IS 'The champion; null while there was none.';
COMMENT ON COLUMN recsys.champions.live_from IS 'When it became champion.';
COMMENT ON COLUMN recsys.champions.live_until IS 'When the next row began; null for the newest.';
COMMENT ON COLUMN recsys.champions.event IS 'How it became champion: promoted, rolled_back or hand_moved.';
COMMENT ON COLUMN recsys.champions.who IS 'Who or what did it.';
COMMENT ON COLUMN recsys.champions.why IS 'Reason given.';
