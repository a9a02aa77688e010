"""Tables, partition functions, triggers and grants."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything that holds data."""
    run_file("0001_tables")


def downgrade() -> None:
    """Drop it, with the data."""
    run_file("0001_tables_down")
