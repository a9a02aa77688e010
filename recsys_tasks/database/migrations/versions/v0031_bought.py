"""What is bought together, and what a user is due to buy again."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Create the tables."""
    run_file("0031_bought")
