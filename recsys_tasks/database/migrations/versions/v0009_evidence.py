"""Entries are counted while they are loaded; the checks believe it as long as the rows are the
loaded ones.
"""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add what a load notes, whether rows are still as loaded, and the sum of the loads' counts."""
    run_file("0009_evidence")


def downgrade() -> None:
    """Count in SQL again."""
    run_file("0009_evidence_down")
