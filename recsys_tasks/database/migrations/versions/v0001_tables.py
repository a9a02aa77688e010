"""Tables, triggers and grants."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file, run_objects

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything that holds data."""
    run_objects("refuse_change")
    run_file("0001_tables")
