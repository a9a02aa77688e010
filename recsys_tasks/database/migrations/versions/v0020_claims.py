"""Say which rungs, variants and events of releases there are today."""

from __future__ import annotations

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Nothing: what was new stands in `sql/objects`."""
