"""The repeat policy and every block hold on every path of a reader."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0019"
down_revision = "0016"


def upgrade() -> None:
    """Add what is withheld from users and what is blocked."""
    run_file("0019_paths")
