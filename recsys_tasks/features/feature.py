"""What a feature is: an aggregate over one of the tables of its key, or derived from aggregates.

The catalogue's entries stand in `definitions/`, one module a family; one of a user's own package is
found by its entry point (`catalogue.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import ibis.expr.types as ir

Family = Literal["user", "item", "segment", "pair"]
Source = Literal["learned", "history", "segment", "pairs", "base", "price", "derived"]


@dataclass(frozen=True)
class Feature:
    """One column of a family's table.

    `source` says what `build` is given: events before cutoffs.learned_before (`learned`), the same
    with their user's segment (`segment`), events before cutoffs.history_before (`history`), learned
    user-item pairs (`pairs`), the family's `base` rows, the median `price`, or the joined columns
    themselves (`derived`). A name that begins with `_` is an intermediate and never leaves the
    engine.
    """

    name: str
    family: Family
    source: Source
    description: str
    build: Callable[[ir.Table], ir.Value]
