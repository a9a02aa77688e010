"""A cheaper `recommend()`: fallbacks are read only where a list is too short."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing: what was new stands in `sql/objects`."""
