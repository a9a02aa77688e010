DROP VIEW recsys.tower_versions;
CREATE VIEW recsys.tower_versions AS
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
       t.recorded_at
FROM recsys.tower_version_rows AS t;
GRANT SELECT ON recsys.tower_versions TO recsys_reader, recsys_writer;
