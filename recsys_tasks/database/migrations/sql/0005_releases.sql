-- The anchor and the shadow are on record like the champion; and who was champion when is one query.

ALTER TABLE recsys.release_events DROP CONSTRAINT release_events_event_check;

ALTER TABLE recsys.release_events ADD CONSTRAINT release_events_event_check CHECK (
  event IN ('registered', 'promoted', 'rejected', 'rolled_back', 'hand_moved', 'anchored', 'shadowed'));
