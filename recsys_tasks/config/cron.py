"""Cron expressions: which of them Airflow can keep, and when they fire in the shop's time zone, as
Airflow reads them.

A time that clocks skip is the same so long after them (02:30 is 03:30); one that occurs twice is
the second. Either way each day of the calendar has its start once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from croniter import croniter

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}  # as Airflow has them
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # whether a cron ever fires does not depend on today
_TICKS = 400  # a year of nights, and both changes of its clocks
_LARGEST_CHANGE = timedelta(hours=3)
"""No zone sets its clocks by more."""
_FIELDS = "minute hour day month weekday, such as '0 1 * * *' for each night at 01:00"


def mistake(expression: str) -> str | None:
    """Why no DAG could run by it, in words; None for a cron that fires."""
    fields = _plain(expression).split()
    if len(fields) > 6:
        return f"{expression!r} has {len(fields)} fields: give {_FIELDS}"
    if any(field[:1] in ("R", "r") for field in fields):
        return f"{expression!r} is another time in each process: give {_FIELDS}"
    try:
        ticks_after(expression, _SOME_DAY, 1)
    except (ValueError, KeyError, IndexError) as error:
        return (
            f"{expression!r} is no cron that ever fires ({' '.join(str(error).split())}): give"
            f" {_FIELDS}"
        )
    return None


def ticks_after(
    expression: str, moment: datetime, count: int, timezone: str = "UTC"
) -> list[datetime]:
    """The next `count` moments after `moment`, in UTC. Raises ValueError for what is no cron, or
    never fires.
    """
    return list(islice(_ticks(expression, moment, ZoneInfo(timezone)), count))


def last_tick(expression: str, moment: datetime, timezone: str = "UTC") -> datetime:
    """The latest moment at or before `moment`, in UTC."""
    zone = ZoneInfo(timezone)
    past = croniter(_plain(expression), _clock(moment, zone) + _LARGEST_CHANGE)
    while (found := instant(past.get_prev(datetime), zone)) > moment:
        pass
    return found


def shortest_gap(expression: str, timezone: str = "UTC") -> timedelta:
    """The shortest time between two of its moments, over the next hundreds of them."""
    return min(_gaps(expression, timezone))


def longest_gap(expression: str, timezone: str = "UTC") -> timedelta:
    """The longest time between two of its moments, over the next hundreds of them."""
    return max(_gaps(expression, timezone))


def earliest_clock(expression: str) -> timedelta:
    """The time of day, as hours after midnight, before which it never fires."""
    minutes, hours = croniter(_plain(expression)).expanded[:2]
    first = (0 if "*" in field else min(field) for field in (hours, minutes))
    return timedelta(hours=next(first), minutes=next(first))


def is_daily(expression: str) -> bool:
    """Whether it fires once on each day of the calendar."""
    minutes, hours, *days = croniter(_plain(expression)).expanded[:5]
    return (
        len(minutes) == len(hours) == 1
        and "*" not in (*minutes, *hours)
        and not any(day != ["*"] for day in days)
    )


def instant(clock: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which clocks of the zone show `clock`."""
    return max(clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _gaps(expression: str, timezone: str) -> list[timedelta]:
    ticks = ticks_after(expression, _SOME_DAY, _TICKS if timezone != "UTC" else 100, timezone)
    return [later - earlier for earlier, later in pairwise(ticks)]


def _ticks(expression: str, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    following = croniter(_plain(expression), _clock(moment, zone) - _LARGEST_CHANGE)
    last = moment
    while True:
        if (found := instant(following.get_next(datetime), zone)) > last:
            yield found
            last = found


def _clock(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _plain(expression: str) -> str:
    return _PRESETS.get(expression, expression)
