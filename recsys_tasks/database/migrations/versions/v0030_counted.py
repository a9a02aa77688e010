"""When an item was last shown, and who has a list, counted once."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file, run_objects

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Create the tables and the trigger."""
    run_objects("note_shown")
    run_file("0030_counted")
