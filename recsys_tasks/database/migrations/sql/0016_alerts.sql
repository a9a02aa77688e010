ALTER TABLE recsys.alert_rows ADD COLUMN resolved_at timestamptz;

-- The pipeline's own role may see at which revision the schema is, so that `recsys doctor` can say it.
GRANT SELECT ON recsys.alembic_version TO recsys_writer;
