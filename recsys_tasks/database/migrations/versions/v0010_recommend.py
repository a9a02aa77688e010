"""A cheaper `recommend()`: one query where the user's own list suffices."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add a small index of what is out of stock."""
    run_file("0010_stock")
