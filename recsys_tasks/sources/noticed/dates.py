"""Dates whose day and month may be exchanged: each of them can be read, as another day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.clock import DAY_SECONDS

_FEWEST_DATES, _FEWEST_MONTHS = 8, 4
_MONTHS: Final = 12


@dataclass
class DateLooks:
    """Parts of the interactions in which no date tells its day from its month."""

    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Part → different dates, and different months among them."""

    def look(self, seconds: pa.ChunkedArray, part: str, form: str | None) -> None:
        """Look at a part's times, which were read by a form of text with both as numbers."""
        if form is None or "%d" not in form or "%m" not in form:
            return
        self.parts.pop(part, None)
        days = np.unique(seconds.drop_null().to_numpy() // DAY_SECONDS)
        dates = pa.array(days.astype(np.int32)).cast(pa.date32())
        numbers = pc.day(dates)
        if len(dates) < _FEWEST_DATES or pc.max(numbers).as_py() > _MONTHS:
            return
        months = len(pc.unique(pc.strftime(dates.cast(pa.timestamp("s")), "%Y-%m")))
        # days that follow each other have many numbers in few months
        if months >= _FEWEST_MONTHS and months > len(pc.unique(numbers)):
            self.parts[part] = (len(dates), months)

    def remarks(self) -> dict[str, tuple[str, ...]]:
        """Words on them, by the name of the night's check."""
        return {"swapped_dates": tuple(self._words())}

    def _words(self) -> Iterator[str]:
        for part, (dates, months) in self.parts.items():
            yield (
                f"events, {part.rpartition('/')[2]!r}: all of its {dates} dates are among the first"
                f" twelve days of {months} months, as if day and month were exchanged; see"
                " events.timestamp_format"
            )
