"""Say among which items a tower version's recall is measured."""

from __future__ import annotations

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Nothing: what was new stands in `sql/objects`."""
