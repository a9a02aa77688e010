"""Aliases beside the champion on record."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Allow the events of the anchor and the shadow."""
    run_file("0005_releases")
