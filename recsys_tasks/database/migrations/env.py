"""Alembic's entry point: run on the connection that `recsys_tasks.database.migrate` hands over."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="recsys")
with context.begin_transaction():
    context.run_migrations()
