"""Texts that hosts without a common disk share."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Create the table."""
    run_file("0034_shared_texts")
