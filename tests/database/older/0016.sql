ALTER TABLE recsys.alert_rows ADD COLUMN resolved_at timestamptz;

CREATE OR REPLACE VIEW recsys.alerts AS
SELECT a.id, a.incident, a.raised_at, a.as_of, a.dag, a.task, a.kind, a.severity, a.message, a.reader_state, a.remedy,
       a.runbook, a.delivered, a.resolved_at
FROM recsys.alert_rows AS a;

COMMENT ON COLUMN recsys.alerts.resolved_at IS 'When the incident was over: the night ended well, or what was wrong no longer is. NULL while it is open, and of alerts raised before this was noted.';

-- The pipeline's own role may see at which revision the schema is, so that `recsys doctor` can say it.
GRANT SELECT ON recsys.alembic_version TO recsys_writer;
