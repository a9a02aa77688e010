"""Say among which items a tower version's recall is measured: a comment only."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Comment on the recall column of the ledger's view."""
    run_file("0012_comments")


def downgrade() -> None:
    """Give it the comment it had."""
    run_file("0012_comments_down")
