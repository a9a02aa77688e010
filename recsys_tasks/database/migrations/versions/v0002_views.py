"""Views for analysts and recommend() for the application."""

from __future__ import annotations

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing: what was new stands in `sql/objects`."""
