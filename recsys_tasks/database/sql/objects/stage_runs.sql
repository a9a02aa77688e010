-- Also written through, as gate_decisions is.
CREATE OR REPLACE VIEW recsys.stage_runs AS
SELECT r.id, r.as_of, r.stage, r.seconds, r.cpu_seconds, r.peak_bytes, r.rows, r.figures, r.artifact, r.finished_at
FROM recsys.stage_run_rows AS r;

GRANT SELECT ON recsys.stage_runs TO recsys_reader, recsys_writer;
GRANT INSERT, UPDATE, DELETE ON recsys.stage_runs TO recsys_writer;

COMMENT ON VIEW recsys.stage_runs IS
  'Every run of a stage that ended well, one row each: reruns, too. Failed ones are counted in nights.';
COMMENT ON COLUMN recsys.stage_runs.id IS 'Running number.';
COMMENT ON COLUMN recsys.stage_runs.as_of IS 'Night that it worked for.';
COMMENT ON COLUMN recsys.stage_runs.stage IS 'Name of the stage; of one with shards with the number of the shard, as in precompute_shard.0.';
COMMENT ON COLUMN recsys.stage_runs.seconds IS 'How long it took, by the clock on the wall; waiting for locks included.';
COMMENT ON COLUMN recsys.stage_runs.cpu_seconds IS
  'Seconds of processor time that it and its child processes took, of all cores together; without the database server''s. Null for runs before this was noted.';
COMMENT ON COLUMN recsys.stage_runs.peak_bytes IS
  'Most memory that its process had held by its end, in bytes. Under Airflow each stage has a process of its own; a night run by hand has one for all stages, so that it can be that of an earlier one. Null for runs before this was noted.';
COMMENT ON COLUMN recsys.stage_runs.rows IS 'Rows of what it made.';
COMMENT ON COLUMN recsys.stage_runs.figures IS
  'Its key figures, a JSON object; reused is true where an earlier run had made the same.';
COMMENT ON COLUMN recsys.stage_runs.artifact IS 'What it made in the lake, or in words why nothing.';
COMMENT ON COLUMN recsys.stage_runs.finished_at IS 'When it ended, by the database''s clock, of a simulated shop too.';
