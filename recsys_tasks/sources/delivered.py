"""The first numbers of each column that could not be read or used, as the shop delivered them.

A number is a float from the reading on, so what was written would be lost to whoever is told that
it is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

KEPT = 5
_LONGEST = 60
_LARGEST = 3.4e38  # beyond it a number is infinite to everything that keeps 4 bytes a number


@dataclass
class Delivered:
    """Up to KEPT different texts for each column, by names such as `events.price`."""

    texts: dict[str, dict[str, None]] = field(default_factory=dict)

    def note(self, name: str, column: Any, faulty: Any) -> None:
        """Keep the first values of `column` where `faulty` is true."""
        kept = self.texts.setdefault(name, {})
        if len(kept) < KEPT and pc.any(faulty).as_py():
            values = pc.unique(column.filter(faulty).slice(0, 1000)).slice(0, KEPT).to_pylist()
            kept.update((_text(value), None) for value in values[: KEPT - len(kept)])

    def quoted(self) -> Mapping[str, tuple[str, ...]]:
        """The kept texts by column; columns without any are left out."""
        return {name: tuple(kept) for name, kept in self.texts.items() if kept}


def odd_numbers(
    read: Any, minimum: float | None = None, maximum: float | None = None
) -> Any | None:
    """Values that are no number, too large to keep, or out of their range; None where there is
    none.
    """
    low = -_LARGEST if minimum is None else max(minimum, -_LARGEST)
    high = _LARGEST if maximum is None else min(maximum, _LARGEST)
    fine = pc.and_(pc.greater_equal(read, low), pc.less_equal(read, high))  # of NaN it is neither
    odd = pc.fill_null(pc.invert(fine), False)
    return odd if pc.any(odd).as_py() else None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return repr(str(value)[:_LONGEST])
