CREATE OR REPLACE VIEW recsys.release_history AS
SELECT e.id, e.ts AS at, e.event, NULLIF(e.release, 'none') AS release, e.who, e.why
FROM recsys.release_events AS e;

GRANT SELECT ON recsys.release_history TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.release_history IS
  'Everything that happened to releases, oldest first by id: who did it, when and why; rows never change.';
COMMENT ON COLUMN recsys.release_history.id IS 'Running number.';
COMMENT ON COLUMN recsys.release_history.at IS 'When it happened.';
COMMENT ON COLUMN recsys.release_history.event IS
  'registered, promoted, rejected, rolled_back, hand_moved (an alias was moved in MLflow), anchored, or shadowed (the alias shadow was moved in MLflow; no stage reads it).';
COMMENT ON COLUMN recsys.release_history.release IS
  'Release that it happened to: for rolled_back the one that is champion again; null when an alias was taken away.';
COMMENT ON COLUMN recsys.release_history.who IS 'Who or what did it.';
COMMENT ON COLUMN recsys.release_history.why IS 'Reason given.';
