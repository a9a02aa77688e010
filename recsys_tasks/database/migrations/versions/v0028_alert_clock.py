"""When an alert was raised by the shop's own clock."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add the column."""
    run_file("0028_alert_clock")
