"""What users of the same taste liked."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Create the tables."""
    run_file("0033_liked")
