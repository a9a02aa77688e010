"""Loading a million lists: rows kept in line, no work twice, and what the loads remember."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """New partitions keep their rows in line; loads note their shards; dimensions carry a hash of
    each row.

    Partitions made earlier stay as they are and are sealed, read and dropped as before.
    """
    run_file("0003_loading")


def downgrade() -> None:
    """Drop the notes and the hashes; no list, user or item is lost.

    The next night of the older code compares every user and item again. A publication that is half
    loaded can be continued.
    """
    run_file("0003_loading_down")
