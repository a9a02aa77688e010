"""The towers' ledger for readers; item and user vectors for nearest-neighbour queries in SQL."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    """Make the ledger a view over its table, and what vectors need; pgvector itself is the
    server's.
    """
    run_file("0007_towers")
    run_file("0007_vectors")
    run_file("0007_erasure")


def downgrade() -> None:
    """Drop the published vectors, which the next night makes again, and show the ledger as
    before.
    """
    run_file("0007_down")
