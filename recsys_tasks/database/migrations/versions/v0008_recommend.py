"""A cheaper `recommend()`: fallbacks are read only where the user's own list is too short."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Replace the function; its answers stay the same."""
    run_file("0008_recommend")


def downgrade() -> None:
    """Put the first one back."""
    run_file("0002_recommend", replacing=True)
