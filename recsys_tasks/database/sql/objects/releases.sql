CREATE OR REPLACE VIEW recsys.releases AS
SELECT e.release,
       min(e.ts) FILTER (WHERE e.event = 'registered') AS registered_at,
       max(e.ts) FILTER (WHERE e.event = 'promoted') AS promoted_at,
       (array_agg(e.event ORDER BY e.id DESC))[1] AS last_event,
       (array_agg(e.why ORDER BY e.id DESC))[1] AS last_why,
       (array_agg(e.who ORDER BY e.id DESC))[1] AS last_who,
       max(e.ts) AS last_at
FROM recsys.release_events AS e
GROUP BY e.release;

GRANT SELECT ON recsys.releases TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.releases IS 'Every release of the models and what last happened to it.';
COMMENT ON COLUMN recsys.releases.release IS 'Id of the release.';
COMMENT ON COLUMN recsys.releases.registered_at IS 'When it entered the registry; null where that is not on record.';
COMMENT ON COLUMN recsys.releases.promoted_at IS 'When it last became champion; null if never.';
COMMENT ON COLUMN recsys.releases.last_event IS
  'registered, promoted, rejected, rolled_back, hand_moved (an alias was moved in MLflow), anchored, or shadowed (the alias shadow was moved in MLflow; no stage reads it).';
COMMENT ON COLUMN recsys.releases.last_why IS 'Reason given for the last event.';
COMMENT ON COLUMN recsys.releases.last_who IS 'Who or what caused the last event.';
COMMENT ON COLUMN recsys.releases.last_at IS 'Time of the last event.';
