-- Why a tower version was trained cold, and what its cold control found.

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

COMMENT ON COLUMN recsys.tower_versions.start IS
  'cold: from scratch; warm: from the version that served before.';
COMMENT ON COLUMN recsys.tower_versions.parent IS
  'Version that it follows in its lineage; null for the first. A cold one takes nothing from it.';
COMMENT ON COLUMN recsys.tower_versions.recall_before IS
  'Share of the held-back events among the 100 nearest items by the version that it follows, in [0, 1]; null for a cold one.';
COMMENT ON COLUMN recsys.tower_versions.why IS
  'Why it was trained cold: the first version, which settings have changed, how much is new; null for a warm one.';
COMMENT ON COLUMN recsys.tower_versions.recall_cold IS
  'The share that a cold tower finds, trained beside it every control_every_nights to see what the chain has lost; else null.';
