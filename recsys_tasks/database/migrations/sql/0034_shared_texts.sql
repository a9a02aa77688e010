-- Texts that hosts without a common disk share: spooled alerts, tasks' errors, notes of failed runs.

CREATE TABLE recsys.shared_texts (
  place      text        NOT NULL,
  name       text        NOT NULL,
  body       text        NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (place, name)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON recsys.shared_texts TO recsys_writer;

COMMENT ON TABLE recsys.shared_texts IS
  'What hosts without a common disk tell each other: alerts with their deliveries, errors of tasks, notes of failed runs.';
