"""Columns of ends: the first second at which a thing is over."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.sources.columns import Read, is_text, with_faults
from recsys_tasks.sources.times.columns import read_times
from recsys_tasks.sources.times.rule import PER_SECOND, YEAR_1, YEAR_10000, TimeRule
from recsys_tasks.sources.times.text import Bools, Longs, days_alone, flags
from recsys_tasks.sources.times.zones import instants_of

_DAY: Final = 86_400
_CLOCK: Final = ("%H", "%I", "%X", "%c")


def read_ends(column: pa.ChunkedArray, rule: TimeRule) -> Read:
    """As `read_times`, but for days alone: these end with their last instant, on the clocks of the
    rule's time zone. A day before the earliest plausible one stands for something else, such as
    "never", and is a fault.
    """
    read = read_times(column, rule)
    known = flags(pc.is_valid(read.values))
    seconds = pc.fill_null(read.values, 0).to_numpy()
    early = known & (seconds < rule.earliest)
    days = known & _are_days(column, rule)
    ends = np.where(days, _next_day(seconds, rule.timezone), seconds)
    values = pa.chunked_array([pa.array(ends, mask=~known | early)])
    faults = with_faults(values, column, early).faults
    return Read(values, pc.coalesce(read.faults, faults))


def _are_days(column: pa.ChunkedArray, rule: TimeRule) -> Bools:
    kind = column.type
    if pa.types.is_date(kind):
        return np.ones(len(column), bool)
    if pa.types.is_timestamp(kind):
        return np.zeros(len(column), bool)
    if is_text(kind) and rule.form is not None:
        return np.full(len(column), not any(part in rule.form for part in _CLOCK))
    if is_text(kind):
        text = pc.cast(column, pa.string())
        numbers = flags(
            pc.fill_null(pc.match_substring_regex(text, r"^\s*[0-9]+(\.0*)?\s*$"), False)
        )
        return np.where(numbers, rule.unit == "yyyymmdd", days_alone(text))
    return np.full(len(column), rule.unit not in PER_SECOND and rule.unit == "yyyymmdd")


def _next_day(seconds: Longs, timezone: str | None) -> Longs:
    """The first second of the day after the one that begins at each, at most the year 10000."""
    if timezone is None:
        return np.minimum(seconds + _DAY, YEAR_10000)
    inside = np.clip(seconds, YEAR_1 + _DAY, YEAR_10000 - 3 * _DAY)
    moments = pa.array(inside).cast(pa.timestamp("s", timezone))
    clock = np.asarray(pc.cast(pc.local_timestamp(moments), pa.int64()).to_numpy(), np.int64)
    return np.asarray(instants_of(clock // _DAY * _DAY + _DAY, timezone).seconds, np.int64)
