"""Which column has the times of day, where the column of times has days alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.names import fits, words_of
from recsys_tasks.commands.init.numbers import share
from recsys_tasks.commands.init.readings import Reading, reading_of
from recsys_tasks.config import EventsTable
from recsys_tasks.sources.times.days_and_clocks import CLOCK, days_with_clocks

_MOST: Final = 0.99
_OF_A_FORM: Final = EventsTable(timestamp_format="%d.%m.%Y %H:%M")
"""Whatever the form: texts stay as they are written."""
_DIGITS: Final = r"^([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9])?$"
_HOURS: Final = frozenset({"hour", "hours", "hr", "stunde", "heure", "hora", "uur"})


def clock_of(
    columns: Mapping[str, Column],
    time: str,
    reading: Reading,
    taken: tuple[str, str],
    now: datetime,
) -> tuple[str, pa.ChunkedArray, Reading] | None:
    """(the column of times of day, both as one column, how that is read) beside a column `time` of
    days; None where the times have hours of their own, or no column has those of them.
    """
    days = columns[time]
    seconds = days.seconds(reading, now)
    if (seconds[seconds >= 0] % 86_400).any():
        return None
    for name in _clocks(columns, {time, *taken}):
        clocks = columns[name].delivered
        whole = days_with_clocks(days.delivered, clocks, EventsTable(timestamp_unit=reading.unit))
        found = reading_of(whole, now, numeric=False)
        if found is not None and found.form is None:
            return name, whole, found._replace(unit=reading.unit)
        as_written = days_with_clocks(days.delivered, clocks, _OF_A_FORM)
        found = reading_of(as_written, now, numeric=False)
        if found is not None:
            return name, as_written, found
    return None


def _clocks(columns: Mapping[str, Column], taken: set[str]) -> Iterator[str]:
    """Columns of times of day, those that are called so first."""
    named = sorted(columns, key=lambda name: -fits(name, "time"))
    for name in named:
        if name not in taken and not columns[name].is_nested and _is_clock(columns[name]):
            yield name


def _is_clock(column: Column) -> bool:
    if pa.types.is_time(column.delivered.type):
        return True
    if pa.types.is_temporal(column.delivered.type) or not column.distinct:
        return False
    if share(column.text, CLOCK) >= _MOST:
        return True
    if share(column.text, _DIGITS) >= _MOST and fits(column.name, "time") > 0.5:
        return True
    if not column.is_whole or not _HOURS & set(words_of(column.name)):
        return False
    known = column.numbers[np.isfinite(column.numbers)]
    return bool(known.min() >= 0 and known.max() <= 23)
