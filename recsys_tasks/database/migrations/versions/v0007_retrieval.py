"""The towers' ledger for readers; vectors for nearest-neighbour queries in SQL."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    """Make room for a view in front of the ledger, and for sets of vectors."""
    run_file("0007_towers")
