"""What a column's values say of it: missing ones, different ones, numbers, times, lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.commands.init.readings import Reading, reading_of, seconds_of
from recsys_tasks.sources.columns import (
    FALSE_WORDS,
    POINTS_ALONE,
    TRUE_WORDS,
    NumberSigns,
    as_number,
    as_text,
    with_points,
)

_SAMPLE = 2_000
_MOST = 0.99
"""Share of a column's values that must be numbers, times or flags for it to be of that kind."""
_SEPARATORS = "|;,"
FLAG_WORDS = frozenset({*TRUE_WORDS, *FALSE_WORDS} - {"1.0", "1,0", "0.0", "0,0"})


@dataclass(frozen=True)
class Column:
    """One column of a delivered table. Everything is of all rows where not said otherwise."""

    name: str
    delivered: pa.ChunkedArray
    signs: NumberSigns = POINTS_ALONE
    """Of numbers in text."""

    @cached_property
    def is_nested(self) -> bool:
        """Whether its values are lists, structs or maps."""
        return bool(pa.types.is_nested(self.delivered.type))

    @cached_property
    def text(self) -> pa.ChunkedArray:
        """Its values as written; null where missing or empty. All null for nested ones."""
        if self.is_nested:
            return pa.chunked_array([pa.nulls(len(self.delivered), pa.string())])
        try:
            text = as_text(self.delivered)
        except pa.ArrowException:  # bytes that are no text
            text = pa.chunked_array([pa.nulls(len(self.delivered), pa.string())])
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)

    @cached_property
    def missing(self) -> float:
        """Share of rows without a value."""
        values = self.delivered if self.is_nested else self.text
        return values.null_count / max(1, len(values))

    @cached_property
    def distinct(self) -> int:
        """Number of different values; 0 for nested ones."""
        return int(pc.count_distinct(self.text).as_py())

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows of each different value, most first; meant for columns with few."""
        found = self.text.drop_null().value_counts()
        pairs = zip(
            found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True
        )
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    @cached_property
    def is_key(self) -> bool:
        """Whether every row has a value that no other row has."""
        rows = len(self.delivered)
        return rows > 0 and self.text.null_count == 0 and self.distinct == rows

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """`[n] float64`: its values as numbers, NaN where missing or none."""
        kind = self.delivered.type
        if self.is_nested or pa.types.is_temporal(kind) or pa.types.is_boolean(kind):
            return np.full(len(self.delivered), np.nan)
        numbers = as_number(with_points(self.delivered, self.signs))
        return numbers.to_numpy(zero_copy_only=False).astype(np.float64)

    @cached_property
    def is_numeric(self) -> bool:
        """Whether nearly all of its values are numbers."""
        present = len(self.text) - self.text.null_count
        return present > 0 and bool(np.isfinite(self.numbers).sum() >= _MOST * present)

    @cached_property
    def no_number(self) -> str | None:
        """The first value that is no number; None where all are."""
        none = self.text.filter(pa.array(np.isnan(self.numbers))).drop_null()
        return None if not len(none) else str(none[0].as_py())

    @cached_property
    def is_whole(self) -> bool:
        """Whether its numbers are whole."""
        known = self.numbers[np.isfinite(self.numbers)]
        return self.is_numeric and bool((known == np.floor(known)).all())

    @cached_property
    def is_flag(self) -> bool:
        """Whether its values are yes and no in the words that are read as such."""
        if pa.types.is_boolean(self.delivered.type):
            return True
        return 0 < self.distinct <= 4 and {word.lower() for word in self.counts} <= FLAG_WORDS

    @cached_property
    def sample(self) -> list[str]:
        """Some different values, evenly from all."""
        values = pc.unique(self.text.drop_null())
        step = max(1, len(values) // _SAMPLE)
        return [str(v) for v in values.take(pa.array(np.arange(0, len(values), step))).to_pylist()]

    @cached_property
    def words(self) -> float:
        """Words of a value, on average over some."""
        return float(np.mean([len(v.split()) for v in self.sample])) if self.sample else 0.0

    @cached_property
    def separator(self) -> str | None:
        """What joins several values of a row; None where rows have one value."""
        for sign in _SEPARATORS:
            pieces = [v.split(sign) for v in self.sample if sign in v]
            if len(pieces) < 0.2 * len(self.sample) or not pieces:
                continue
            parts = [part for row in pieces for part in row]
            short = np.mean([len(part.split()) for part in parts]) <= 3
            if short and len(set(parts)) <= 0.5 * len(parts):
                return sign
        return None

    @cached_property
    def dimensions(self) -> int | None:
        """Length of the lists of numbers that nearly all of its rows hold; None for others."""
        kind = self.delivered.type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if not (is_list or pa.types.is_fixed_size_list(kind)):
            return None
        if not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
            return None
        lengths = pc.list_value_length(self.delivered).drop_null().to_numpy()
        return int(lengths[0]) if len(lengths) and (lengths == lengths[0]).all() else None

    def reading(self, now: datetime, share: float = _MOST) -> Reading | None:
        """How nearly all of its values, or this share of them, are times; None where they are
        none.
        """
        if self.is_nested:
            return None
        return reading_of(self.delivered, now, self.is_numeric, share)

    def seconds(self, reading: Reading, now: datetime) -> npt.NDArray[np.int64]:
        """`[n] int64`: its values as UTC seconds under a reading; -1 where they are none."""
        return seconds_of(self.delivered, reading, now)


def columns_of(rows: pa.Table, signs: NumberSigns = POINTS_ALONE) -> dict[str, Column]:
    """The columns of a table by name; `signs`: those of numbers in text."""
    return {name: Column(name, rows[name], signs) for name in rows.column_names}
