-- What readers are told is so: since when an item exists, whose lists are in a segment and who has none, in which clock
-- the shop lives, and which stage failed. Views keep their columns; new ones stand at the end.

-- --- since when an item exists -----------------------------------------------------------------

-- Null until the next night writes it: only snapshots know.
ALTER TABLE recsys.items ADD COLUMN available_from timestamptz;

-- --- in which clock ----------------------------------------------------------------------------

-- One row at most; every stage sets it. A simulated shop has its own time, that of its newest night.
CREATE TABLE recsys.shop_clock (
  singleton boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
  simulated boolean     NOT NULL,
  now       timestamptz CHECK (simulated = (now IS NOT NULL))
);

GRANT SELECT, INSERT, UPDATE ON recsys.shop_clock TO recsys_writer;

COMMENT ON TABLE recsys.shop_clock IS
  'Which clock the shop lives in: null now means the database''s own; a simulated shop''s is the time of its newest night.';

-- --- what failed -------------------------------------------------------------------------------

-- stage_runs has what ended well; `failed_at` and its finished_at are of one clock, the database's.
CREATE TABLE recsys.stage_failures (
  id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of     date        NOT NULL,
  stage     text        NOT NULL,
  error     jsonb       NOT NULL,
  failed_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX stage_failures_as_of ON recsys.stage_failures (as_of, stage);

GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.stage_failures TO recsys_writer;

GRANT USAGE ON ALL SEQUENCES IN SCHEMA recsys TO recsys_writer;

COMMENT ON TABLE recsys.stage_failures IS 'Each time a stage of a night ended in an error: which, and the error in its parts.';
