"""What became of the lists: places by reason, outcomes, and how each list changed."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add their tables: the next night's monitor fills them."""
    run_file("0027_outcomes")
