"""Conditions on a time column that the database itself can check, so that a night moves only its
own rows.

What is no time under the rule is never left behind: it must be counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.sources.times.rule import FIRST_HOUR_KEY, PER_SECOND, TimeRule

_LAST = 253_402_300_799  # 9999-12-31 23:59:59, the last second that databases know


def can_push(kind: Any, rule: TimeRule) -> bool:
    """Whether the database can compare a column of this type: a timestamp, a date, or a number in
    a unit of seconds; of local times, it does not know which instants they are, nor of days whose
    time of day is in another column.
    """
    if rule.apart:
        return False
    is_local = kind.is_date() or (kind.is_timestamp() and kind.timezone is None)
    if rule.timezone is not None and is_local:
        return False
    return bool(kind.is_timestamp() or kind.is_date() or (kind.is_numeric() and _each(rule)))


def within(column: Any, rule: TimeRule, start: int | None, end: int | None) -> Any:
    """Whether a time lies in [start, end) of UTC seconds (None: no bound) and is plausible."""
    earliest, latest = _plausible(column, rule)
    first = earliest if start is None else max(start, earliest)
    last = latest if end is None else min(end, latest)
    return (column >= _value(column, first, rule)) & (column < _value(column, last, rule))


def without_time(column: Any, rule: TimeRule) -> Any:
    """Whether a value is missing, or outside the range of plausible times."""
    earliest, latest = _plausible(column, rule)
    outside = (column < _value(column, earliest, rule)) | (column >= _value(column, latest, rule))
    return column.isnull() | outside


def day_of_time(column: Any, rule: TimeRule) -> Any:
    """The UTC day of a plausible time: a date, or the day's first moment in the column's unit."""
    if not column.type().is_numeric():
        return column.date() if column.type().is_timestamp() else column
    each = _each(rule) * DAY_SECONDS
    return column - column % each


def day_number(day: Any, rule: TimeRule) -> int:
    """Days since 1970 of a value of `day_of_time`."""
    if isinstance(day, datetime):
        day = day.date()
    if hasattr(day, "toordinal"):
        return int(day.toordinal()) - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    return int(day) // (_each(rule) * DAY_SECONDS)


def _each(rule: TimeRule) -> int:
    return PER_SECOND.get(rule.unit, 0)


def _plausible(column: Any, rule: TimeRule) -> tuple[int, int]:
    """The range that the rule calls plausible; of numbers in seconds only what cannot be an hour
    key: what may be one is looked at outside the database.
    """
    latest = rule.latest
    if column.type().is_numeric() and rule.unit == "seconds":
        latest = min(latest, max(FIRST_HOUR_KEY, rule.cutoff))
    return rule.earliest, latest


def _value(column: Any, seconds: int, rule: TimeRule) -> Any:
    kind = column.type()
    if kind.is_numeric():
        return seconds * _each(rule)
    moment = datetime.fromtimestamp(min(seconds, _LAST), UTC)
    if kind.is_date():  # its midnight: before a bound within the day
        day = datetime.fromtimestamp(min(seconds + DAY_SECONDS - 1, _LAST), UTC).date()
        return ibis.literal(day, dt.date)
    if kind.timezone is None:
        return ibis.literal(moment.replace(tzinfo=None))
    return ibis.literal(moment)
