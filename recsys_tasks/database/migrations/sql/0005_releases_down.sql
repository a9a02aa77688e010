DROP VIEW recsys.champions, recsys.release_history;
ALTER TABLE recsys.release_events DISABLE TRIGGER append_only;
DELETE FROM recsys.release_events WHERE event IN ('anchored', 'shadowed');
ALTER TABLE recsys.release_events ENABLE TRIGGER append_only;
ALTER TABLE recsys.release_events DROP CONSTRAINT release_events_event_check;
ALTER TABLE recsys.release_events ADD CONSTRAINT release_events_event_check CHECK (
  event IN ('registered', 'promoted', 'rejected', 'rolled_back', 'hand_moved'));
COMMENT ON COLUMN recsys.releases.last_event IS 'registered, promoted, rejected, rolled_back or hand_moved.';
COMMENT ON COLUMN recsys.gate_decisions.verdict IS 'promote, keep, or why there was none.';
COMMENT ON COLUMN recsys.gate_decisions.rules IS 'Every rule with its figures, a JSON array.';
