"""How a column of times is read: the unit of its plain numbers, and the range of plausible times;
numbers outside it are of another unit or no time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from recsys_tasks.clock import start_of
from recsys_tasks.config import Config, TimeUnit

PER_SECOND: Final = {
    "seconds": 1,
    "milliseconds": 10**3,
    "microseconds": 10**6,
    "nanoseconds": 10**9,
}
FIRST_HOUR_KEY: Final = 1_990_010_100
"""1990-01-01 00h as an hour key of a warehouse, YYYYMMDDhh. Read as seconds, such keys lie in 2033
and later.
"""
YEAR_1, YEAR_10000 = start_of(date(1, 1, 1)), start_of(date(9999, 12, 31)) + 86_400
_EVER: Final = 2**62


@dataclass(frozen=True)
class TimeRule:
    """How one column of times is read. All bounds are UTC seconds: [earliest, latest) is
    plausible.
    """

    unit: TimeUnit
    setting: str  # where the unit is set
    earliest: int
    cutoff: int  # the night's; what lies behind it and reads as an hour key is one
    latest: int
    any_date: bool = (
        False  # a date or timestamp is not guessed at: 1753-01-01 and 9999-12-31 may be meant
    )
    timezone: str | None = None  # of local times; None: times without an offset are UTC's
    form: str | None = None  # of text, as strptime has it; None: ISO 8601
    apart: bool = False  # the time of day is in another column: the column alone is no time

    @property
    def format_setting(self) -> str:
        """Where the form of text is set."""
        return self.setting.replace("_unit", "_format")

    @property
    def timezone_setting(self) -> str:
        """Where the time zone is set."""
        return f"{self.setting.partition('.')[0]}.timezone"

    def free(self) -> TimeRule:
        """This rule without a range: every time is plausible."""
        return replace(self, earliest=-_EVER, cutoff=_EVER, latest=_EVER)


def event_times(config: Config, cutoff: int | None) -> TimeRule:
    """The rule of the interactions' time column. `cutoff`: first second of the night, which bounds
    plausible times; None: no upper bound.
    """
    table = config.events
    rule = _rule(config, table.timestamp_unit, "events.timestamp_unit", cutoff)
    apart = table.time_of_day_column is not None
    return replace(rule, timezone=table.timezone, form=table.timestamp_format, apart=apart)


def launch_times(config: Config, cutoff: int | None) -> TimeRule:
    """The rule of the items' launch column: as for events, but calendar dates are accepted in any
    year.
    """
    table = config.items
    rule = _rule(config, table.available_from_unit, "items.available_from_unit", cutoff)
    zone, form = table.timezone, table.available_from_format
    return replace(rule, any_date=True, timezone=zone, form=form)


def end_times(config: Config, cutoff: int | None) -> TimeRule:
    """The rule of the items' column of ends: as for launches."""
    table, rule = config.items, launch_times(config, cutoff)
    unit = table.available_until_unit or table.available_from_unit
    form = table.available_until_format or table.available_from_format
    return replace(rule, unit=unit, setting="items.available_until_unit", form=form)


def _rule(config: Config, unit: TimeUnit, setting: str, cutoff: int | None) -> TimeRule:
    earliest = start_of(config.extract.earliest_day)
    if cutoff is None:
        return TimeRule(unit, setting, earliest, FIRST_HOUR_KEY, YEAR_10000)
    latest = cutoff + int(timedelta(days=config.extract.latest_days).total_seconds())
    return TimeRule(unit, setting, earliest, cutoff, latest)
