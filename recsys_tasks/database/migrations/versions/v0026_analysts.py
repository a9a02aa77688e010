"""What stages cost, how groups of users fare, who is active and what items cost, for analysts."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add their columns and the figures of groups of users."""
    run_file("0026_analysts")
