CREATE OR REPLACE VIEW recsys.alerts AS
SELECT a.id, a.incident, a.raised_at, a.as_of, a.dag, a.task, a.kind, a.severity, a.message, a.reader_state, a.remedy,
       a.runbook, a.delivered, a.resolved_at, a.shop_time,
       a.acknowledged_at, a.acknowledged_by, a.acknowledged_note
FROM recsys.alert_rows AS a;

GRANT SELECT ON recsys.alerts TO recsys_reader, recsys_writer;
GRANT INSERT, UPDATE, DELETE ON recsys.alerts TO recsys_writer;

COMMENT ON VIEW recsys.alerts IS 'Every alert raised, one row an incident.';
COMMENT ON COLUMN recsys.alerts.id IS 'Running number.';
COMMENT ON COLUMN recsys.alerts.incident IS 'Key that makes repeats of one incident a single row.';
COMMENT ON COLUMN recsys.alerts.raised_at IS
  'When it was first raised: of an alarm in the shop''s clock, of a run that failed in the machine''s, which differ in a simulated shop; shop_time is always the shop''s.';
COMMENT ON COLUMN recsys.alerts.as_of IS 'Night that it is about; null where it is about none.';
COMMENT ON COLUMN recsys.alerts.dag IS 'Airflow DAG, where one is concerned.';
COMMENT ON COLUMN recsys.alerts.task IS 'Airflow task, where one is concerned.';
COMMENT ON COLUMN recsys.alerts.kind IS 'Kind of alert; names its runbook page.';
COMMENT ON COLUMN recsys.alerts.severity IS 'info, warning or critical.';
COMMENT ON COLUMN recsys.alerts.message IS 'What broke.';
COMMENT ON COLUMN recsys.alerts.reader_state IS 'What readers saw when it was raised, and how old that was.';
COMMENT ON COLUMN recsys.alerts.remedy IS 'The command to run.';
COMMENT ON COLUMN recsys.alerts.runbook IS 'Link to the runbook page.';
COMMENT ON COLUMN recsys.alerts.delivered IS 'Channel to delivery result, a JSON object.';
COMMENT ON COLUMN recsys.alerts.resolved_at IS 'When the incident was over: the night ended well, or what was wrong no longer is. NULL while it is open, and of alerts raised before this was noted.';
COMMENT ON COLUMN recsys.alerts.shop_time IS
  'When it was first written down, in the shop''s clock, as status.shop_time and published_at are; null for alerts of before this was noted.';
COMMENT ON COLUMN recsys.alerts.acknowledged_at IS
  'When a person said that they are at it (`recsys alerts ack`), in the machine''s clock; null: nobody did.';
COMMENT ON COLUMN recsys.alerts.acknowledged_by IS 'Who is at it, as they named themselves.';
COMMENT ON COLUMN recsys.alerts.acknowledged_note IS 'What they noted, if anything.';
