"""Say which rungs, variants and events of releases there are today: comments only."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Comment on the columns that named what nothing makes."""
    run_file("0020_comments")


def downgrade() -> None:
    """Give them the comments they had."""
    run_file("0020_comments_down")
