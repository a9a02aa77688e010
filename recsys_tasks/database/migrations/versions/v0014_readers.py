"""Launch days, segments, everybody's lists, the shop's clock and failed stages for readers;
comments made true.
"""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0014"
down_revision = "0012"


def upgrade() -> None:
    """Add columns at the views' ends, two views and two small tables."""
    run_file("0014_readers")
    run_file("0014_comments")


def downgrade() -> None:
    """Make the views as they were; launch days and the record of failures go, the next night writes
    the days again.
    """
    run_file("0014_down")
