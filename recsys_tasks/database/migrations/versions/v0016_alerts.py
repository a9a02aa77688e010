"""When an alert's incident was over, as a column of recsys.alerts."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0016"
down_revision = "0014"


def upgrade() -> None:
    """Add the column to the table."""
    run_file("0016_alerts")
