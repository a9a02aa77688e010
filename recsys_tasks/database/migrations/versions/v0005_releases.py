"""Aliases beside the champion on record; who was champion when, for analysts."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Allow the events of the anchor and the shadow, and create the views of champions and release
    events.
    """
    run_file("0005_releases")


def downgrade() -> None:
    """Drop the views; events that the older revision does not know are lost."""
    run_file("0005_releases_down")
