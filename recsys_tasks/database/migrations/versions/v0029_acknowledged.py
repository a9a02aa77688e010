"""Who is at an alert, since when, and what they noted."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add the columns."""
    run_file("0029_acknowledged")
