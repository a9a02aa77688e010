"""How the numbers of each column look beside each other, over every part that was read: texts that
may be thousands or fractions, and numbers beside which all others are next to nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.sources.columns import is_text

_DOUBTFUL: Final = r"^\s*[-+]?[1-9][0-9]{0,2}\.[0-9]{3}\s*$"
"""`1.234`: a thousand and more to some, a number with a fraction to others."""
_FRACTION: Final = r"^\s*[-+]?[0-9]*\.[0-9]+\s*$"
_THOUSANDS_PLAIN: Final = r"^\s*[-+]?[1-9][0-9]{3,}\s*$"
_FEWEST_TEXTS, _QUOTED = 3, 3
_FEWEST_NUMBERS: Final = 20
_RANK: Final = 0.99
_TIMES: Final = 10.0
_STAND_INS: Final = (
    -1.0,
    -9.0,
    -99.0,
    -999.0,
    -9999.0,
    999.0,
    9999.0,
    99999.0,
    999999.0,
    9999999.0,
)
"""Numbers that are written where one is missing."""
_FEWEST_ALIKE: Final = 2


@dataclass
class Looks:
    """Of one column."""

    doubtful: dict[str, None] = field(default_factory=dict)
    """Texts that may be either, as delivered."""
    has_fractions: bool = False
    """Whether another text shows that the point stands before fractions."""
    has_thousands: bool = False
    """Whether another text shows that nothing stands between thousands."""
    sizes: Counter[int] = field(default_factory=Counter)
    """Numbers by their binary exponent, without their sign; noughts left out."""
    rows: int = 0
    zeros: int = 0
    largest: float = 0.0
    medians: dict[str, float] = field(default_factory=dict)
    """Part of the delivery → the middle of its numbers, noughts left out."""
    negative: int = 0
    stand_ins: Counter[float] = field(default_factory=Counter)
    """Rows by numbers of _STAND_INS."""
    text: str = ""
    """The largest number as delivered."""

    def usual(self) -> float:
        """A number that 99 of 100 are below, up to twice as large as it need be; NaN of a few."""
        total = self.sizes.total()
        if total < _FEWEST_NUMBERS:
            return math.nan
        rank, seen = math.floor(_RANK * (total - 1)), 0
        for exponent in sorted(self.sizes):
            seen += self.sizes[exponent]
            if seen > rank:
                return math.ldexp(1.0, exponent)
        return math.nan


@dataclass
class NumberLooks:
    """Of columns by names such as `events.price`."""

    columns: dict[str, Looks] = field(default_factory=dict)

    def look(self, name: str, delivered: Any, numbers: Any, part: str, plain: bool) -> None:
        """Look at a part's column: as delivered, and as it was read; `plain`: nothing is said of
        the signs of its numbers.
        """
        looks = self.columns.setdefault(name, Looks())
        signed = numbers.to_numpy(zero_copy_only=False)
        values = np.abs(signed)
        looks.negative += int((signed < 0).sum())
        looks.stand_ins.update({n: int((signed == n).sum()) for n in _STAND_INS})
        known = values[np.isfinite(values)]
        looks.rows += known.size
        looks.zeros += int((known == 0).sum())
        exponents, counts = np.unique(np.frexp(known[known > 0])[1], return_counts=True)
        looks.sizes.update(dict(zip(exponents.tolist(), counts.tolist(), strict=True)))
        if (known > 0).sum() >= _FEWEST_NUMBERS:
            looks.medians[part] = float(np.median(known[known > 0]))
        if known.size and float(known.max()) > looks.largest:
            looks.largest = float(known.max())
            place = int(np.flatnonzero(values == looks.largest)[0])
            looks.text = repr(str(delivered[place].as_py())[:60])
        if plain and is_text(delivered.type):
            _look_at_signs(looks, pc.cast(delivered, pa.string()))

    def remarks(self, config: Config) -> dict[str, tuple[str, ...]]:
        """Words on all of them, by the name of the night's check."""
        rules = config.validation
        return {
            "absurd_numbers": tuple(self._absurd(rules.max_value_ratio)),
            "ambiguous_numbers": tuple(self._ambiguous()),
            "parts_differ": tuple(self._differing_parts()),
            "stand_ins": tuple(self._stand_ins()),
            "zero_prices": tuple(self._zeros("events.price", rules.max_zero_price_share)),
        }

    def _ambiguous(self) -> Iterator[str]:
        """Words on columns whose numbers all have a point and three digits, where no other column
        of their table shows what the point is.
        """
        told = {name.partition(".")[0] for name, one in self.columns.items() if one.has_fractions}
        for name, one in self.columns.items():
            if len(one.doubtful) >= _FEWEST_TEXTS and not one.has_thousands:
                if name.partition(".")[0] in told:
                    continue
                quoted = ", ".join(repr(text[:30]) for text in list(one.doubtful)[:_QUOTED])
                yield (
                    f"{name}: each number with a point has three digits behind it ({quoted}):"
                    " fractions, as they are read now, or thousands? write source.decimal: '.' for"
                    " fractions, source.thousands: '.' and source.decimal: ',' for thousands"
                )

    def _absurd(self, most: float) -> Iterator[str]:
        """Words on columns whose largest number is more than `most` times what nearly all are
        below.
        """
        for name, one in self.columns.items():
            usual = one.usual()
            if one.largest > most * usual:
                yield f"{name}: {one.text}, while 99 of 100 are below {usual:,g}"

    def _differing_parts(self) -> Iterator[str]:
        """Words on columns whose numbers are many times as large in one part as in another."""
        for name, one in self.columns.items():
            if len(one.medians) > 1:
                small, large = (f(one.medians.items(), key=lambda p: p[1]) for f in (min, max))
                if large[1] > _TIMES * small[1]:
                    told = [f"{m:,g} in {part.rpartition('/')[2]!r}" for part, m in (small, large)]
                    yield f"{name}: the middle number is {told[0]} and {told[1]}: another unit?"

    def _stand_ins(self) -> Iterator[str]:
        """Words on columns some numbers of which seem to stand for a missing one: the only one
        below 0, or nines far above the middle.
        """
        for name, one in self.columns.items():
            if name == "events.quantity":  # units that come back
                continue
            middle = min(one.medians.values(), default=math.inf)
            for number, rows in one.stand_ins.items():
                alone = number < 0 and rows == one.negative
                far = number == one.largest and number > _TIMES * middle
                if rows >= _FEWEST_ALIKE and rows < one.rows and (alone or far):
                    yield (
                        f"{name}: {rows:,} of {one.rows:,} are {number:g}, as is written for a"
                        " missing number; name it in source.null_words, or set minimum and maximum"
                    )

    def _zeros(self, name: str, most: float) -> Iterator[str]:
        """Words on a column of which more than this share are 0."""
        one = self.columns.get(name, Looks())
        if one.zeros > most * one.rows:
            yield f"{name}: {one.zeros:,} of {one.rows:,} are 0"


def _look_at_signs(looks: Looks, text: pa.ChunkedArray) -> None:
    doubtful = pc.fill_null(pc.match_substring_regex(text, _DOUBTFUL), False)
    if len(looks.doubtful) < _FEWEST_TEXTS and pc.any(doubtful).as_py():
        first = pc.unique(text.filter(doubtful).slice(0, 1000)).slice(0, _FEWEST_TEXTS)
        looks.doubtful |= dict.fromkeys(first.to_pylist())
    others = text.filter(pc.invert(doubtful))
    looks.has_fractions |= bool(pc.any(pc.match_substring_regex(others, _FRACTION)).as_py())
    looks.has_thousands |= bool(pc.any(pc.match_substring_regex(others, _THOUSANDS_PLAIN)).as_py())
