"""Views and functions stand in files of their own; migrations from here on are about tables."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0024"
down_revision = "0020"


def upgrade() -> None:
    """Add the record of the files that the views and functions were made from."""
    run_file("0024_objects")
