"""Who kept, gained and lost a list since the night before."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Create the table and the column."""
    run_file("0035_audience_changes")
