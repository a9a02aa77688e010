"""Erasing a user; counts of each publication for analysts, and comments on every function."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the erasure function, its audit table, and the summaries of publications."""
    run_file("0004_erasure")
    run_file("0004_summaries")
    run_file("0004_comments")


def downgrade() -> None:
    """Drop them; the record of erasures is lost."""
    run_file("0004_erasure_down")
