"""Why a tower version was trained cold, and the recall of its cold control, as columns."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add both columns to the ledger's view."""
    run_file("0011_control")


def downgrade() -> None:
    """Show the ledger without them; its rows keep them."""
    run_file("0011_down")
