"""Views for analysts and recommend() for the application."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the readers' views, their comments and grants."""
    run_file("0002_views")
    run_file("0002_recommend")
    run_file("0002_comments")


def downgrade() -> None:
    """Drop them; no data is lost."""
    run_file("0002_views_down")
