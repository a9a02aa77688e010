"""What is wrong with tonight's data though every value of it can be read: told by a check of the
night that warns, each with the values as they were delivered and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from recsys_tasks.config import Config
from recsys_tasks.snapshot.checks.short_id_rows import left_out_words

Remarks = Mapping[str, tuple[str, ...]]
"""Name of a check of the night → what was found, in words."""

ABOUT: Final[Mapping[str, str]] = {
    "shortened_ids": "users or items that are left out because their ids lost digits",
}
"""Checks of the night that count remarks."""


def find_remarks(config: Config, users: pa.Table, items: pa.Table) -> Remarks:
    """Of tonight's tables; names without any are left out."""
    found = {"shortened_ids": left_out_words(config, users, items)}
    return {name: words for name, words in found.items() if words}
