-- The warm-start ledger, one row a tower version, for everyone who reads.
CREATE OR REPLACE VIEW recsys.tower_versions AS
SELECT t.lineage,
       t.learned_before,
       t.ledger ->> 'start' AS start,
       t.ledger ->> 'parent' AS parent,
       (t.ledger ->> 'kept')::bigint AS kept,
       (t.ledger ->> 'new')::bigint AS new,
       (t.ledger ->> 'archived')::bigint AS archived,
       (t.ledger ->> 'returned')::bigint AS returned,
       (t.ledger ->> 'drift')::float8 AS drift,
       (t.ledger ->> 'examples')::bigint AS examples,
       (t.ledger ->> 'replayed')::bigint AS replayed,
       (t.ledger ->> 'seconds')::float8 AS seconds,
       (t.ledger ->> 'held_back_rows')::bigint AS held_back_rows,
       (t.ledger ->> 'recall_before')::float8 AS recall_before,
       (t.ledger ->> 'recall_after')::float8 AS recall_after,
       (t.ledger ->> 'refresh_ok')::boolean AS refresh_ok,
       (t.ledger -> 'loss' ->> -1)::float8 AS loss,
       t.artifact,
       t.ledger,
       t.recorded_at,
       t.ledger ->> 'why' AS why,
       (t.ledger ->> 'recall_cold')::float8 AS recall_cold
FROM recsys.tower_version_rows AS t;

GRANT SELECT ON recsys.tower_versions TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.tower_versions IS
  'How each version of the two-tower was made: one row per lineage and day; a version that was trained again on corrected data shows its newest training.';
COMMENT ON COLUMN recsys.tower_versions.lineage IS
  'Warm chain that it belongs to: hash of the model''s settings, and the day of its cold start.';
COMMENT ON COLUMN recsys.tower_versions.learned_before IS 'Its parameters know what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.tower_versions.start IS
  'cold: from scratch; warm: from the version that served before.';
COMMENT ON COLUMN recsys.tower_versions.parent IS
  'Version that it follows in its lineage; null for the first. A cold one takes nothing from it.';
COMMENT ON COLUMN recsys.tower_versions.kept IS 'Items that had an id vector before and have it still.';
COMMENT ON COLUMN recsys.tower_versions.new IS 'Items with their first id vector.';
COMMENT ON COLUMN recsys.tower_versions.archived IS 'Items long absent from the catalogue, whose vectors were put away.';
COMMENT ON COLUMN recsys.tower_versions.returned IS 'Items that came back with the vector that had been put away.';
COMMENT ON COLUMN recsys.tower_versions.drift IS 'Mean cosine distance that the kept id vectors moved; 0 is none.';
COMMENT ON COLUMN recsys.tower_versions.examples IS 'New examples it was trained on; all of them for a cold one.';
COMMENT ON COLUMN recsys.tower_versions.replayed IS 'Old examples trained on again, so that the past is not forgotten.';
COMMENT ON COLUMN recsys.tower_versions.seconds IS 'How long the training took, loading and saving included.';
COMMENT ON COLUMN recsys.tower_versions.held_back_rows IS
  'New events kept out of the training to judge it by; few of them judge nothing.';
COMMENT ON COLUMN recsys.tower_versions.recall_before IS
  'Share of the held-out events whose item is among the 100 nearest of all items with events, by the version that it follows, in [0, 1]; null for a cold one.';
COMMENT ON COLUMN recsys.tower_versions.recall_after IS 'The same by this version.';
COMMENT ON COLUMN recsys.tower_versions.refresh_ok IS
  'False: recall fell below the refresh floor, and the version before serves.';
COMMENT ON COLUMN recsys.tower_versions.loss IS 'Mean loss of the last pass over the examples; compare within a lineage.';
COMMENT ON COLUMN recsys.tower_versions.artifact IS 'Where it lies in the lake.';
COMMENT ON COLUMN recsys.tower_versions.ledger IS 'All that was written down, as JSON.';
COMMENT ON COLUMN recsys.tower_versions.recorded_at IS 'When this was written down.';
COMMENT ON COLUMN recsys.tower_versions.why IS
  'Why it was trained cold: the first version, which settings have changed, how much is new; null for a warm one.';
COMMENT ON COLUMN recsys.tower_versions.recall_cold IS
  'The share that a cold tower finds, trained beside it every control_every_nights to see what the chain has lost; else null.';
