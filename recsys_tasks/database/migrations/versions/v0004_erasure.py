"""Erasing a user; counts of each publication for analysts."""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file, run_later, run_objects

revision = "0004"
down_revision = "0003"

_COUNT = """
SELECT recsys.count_entries(p.id), recsys.summarise_publication(p.id) FROM recsys.publication AS p
WHERE p.retired_at IS NULL AND p.status IN ('ready', 'published', 'held')
"""


def upgrade() -> None:
    """Create the record of erasures and the summaries of publications."""
    run_objects("skip_erased", "forget_exposure")
    run_file("0004_erasure")
    run_later(_COUNT)
