"""Loading a million lists: no work twice, and what the loads remember."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file, run_objects

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Loads note their shards; dimensions carry a hash of each row."""
    run_objects("forget_row_hash")
    run_file("0003_loading")
