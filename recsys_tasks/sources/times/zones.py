"""Local times of a time zone as UTC seconds: those that its clocks show twice, and those that they
never show.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.sources.times.rule import YEAR_1, YEAR_10000
from recsys_tasks.sources.times.text import Bools, Longs


class Instants(NamedTuple):
    """Local times as UTC seconds `[n] int64`; those that do not exist, and those that occur twice,
    both `[n] bool`.
    """

    seconds: Longs
    skipped: Bools
    repeated: Bools


def instants_of(local: Longs, timezone: str) -> Instants:
    """The instants of local times, given as seconds `[n] int64` of a clock that shows UTC.

    Of a time that occurs twice, as clocks were set back, the earlier instant; for one that does not
    exist, as clocks were set forward, the first instant after the gap. Times outside the years 1 to
    9999 stay as they are, and no other leaves them.
    """
    inside = (local >= YEAR_1) & (local < YEAR_10000)
    clock = pa.array(np.where(inside, local, 0)).cast(pa.timestamp("s"))
    moments = pc.assume_timezone(clock, timezone, ambiguous="earliest", nonexistent="latest")
    second = pc.assume_timezone(clock, timezone, ambiguous="latest", nonexistent="latest")
    skipped = _numbers(pc.local_timestamp(moments)) != _numbers(clock)
    seconds = np.where(inside, np.clip(_numbers(moments), YEAR_1, YEAR_10000 - 1), local)
    return Instants(seconds, skipped & inside, (_numbers(moments) != _numbers(second)) & inside)


def _numbers(moments: Any) -> Longs:
    return np.asarray(pc.cast(moments, pa.int64()).to_numpy(), np.int64)
