"""Why a tower version was trained cold, and its control's recall, as columns."""

from __future__ import annotations

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Nothing: what was new stands in `sql/objects`."""
