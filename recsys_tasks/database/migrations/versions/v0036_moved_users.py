"""Lists are counted by where their users live now."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file, run_objects

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Create the trigger."""
    run_objects("move_lists")
    run_file("0036_moved_users")
