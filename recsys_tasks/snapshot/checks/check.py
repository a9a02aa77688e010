"""A data check as a value: one expectation about the columns of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Suite = Literal["night", "events", "users", "items"]
Kind = Literal["not_null", "in_set", "between", "columns"]


@dataclass(frozen=True)
class Check:
    """One expectation about the columns of a frame; `bound` is the share of rows that may break
    it.
    """

    name: str
    suite: Suite
    kind: Kind
    column: str
    about: str
    bound: float = 0.0
    blocking: bool = True
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[Any, ...] = ()
    example: tuple[str, ...] = ()
    """Columns quoted of the first rows that break it."""
    delivered: str = ""
    """Column whose values of no use are quoted as they were delivered, e.g. `items.cost`."""
