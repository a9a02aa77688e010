"""The serving schema's migrations; Alembic runs them, `recsys_tasks.database.migrate` starts it."""
