"""Erasing a user; counts of each publication for analysts."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file, run_objects

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the record of erasures and the summaries of publications."""
    run_objects("skip_erased", "forget_exposure")
    run_file("0004_erasure")
