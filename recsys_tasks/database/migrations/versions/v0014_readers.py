"""Launch days, segments, everybody's lists, the shop's clock and failed stages."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0014"
down_revision = "0012"


def upgrade() -> None:
    """Add a column and two small tables."""
    run_file("0014_readers")
