"""What everyone did, by item and by outcome window, and the items that segments are shown most."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Create the tables."""
    run_file("0032_totals")
