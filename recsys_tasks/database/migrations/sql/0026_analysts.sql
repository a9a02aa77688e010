-- What analysts ask beyond the lists: what stages cost, how groups of users fare, who is active, what items cost.
-- Of rows that were written before, the new columns are null.

ALTER TABLE recsys.stage_runs RENAME TO stage_run_rows;
ALTER TABLE recsys.stage_run_rows ADD COLUMN cpu_seconds double precision, ADD COLUMN peak_bytes bigint;

ALTER TABLE recsys.users ADD COLUMN last_active date;
ALTER TABLE recsys.items ADD COLUMN price double precision;

CREATE TABLE recsys.slice_rows (
  as_of    date             NOT NULL,
  measured text             NOT NULL CHECK (measured IN ('gate', 'realised')),
  system   text             NOT NULL,
  slice    text             NOT NULL,
  metric   text             NOT NULL,
  users    bigint           NOT NULL,
  mean     double precision,
  low      double precision,
  high     double precision,
  PRIMARY KEY (as_of, measured, system, slice, metric)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.slice_rows TO recsys_writer;
