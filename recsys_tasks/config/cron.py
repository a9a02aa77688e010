"""Cron expressions: which of them Airflow can keep, and when they fire. Times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from croniter import croniter

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}  # as Airflow has them
_SOME_DAY = datetime(2001, 1, 1, tzinfo=UTC)  # whether a cron ever fires does not depend on today
_TICKS = 100
_FIELDS = "minute hour day month weekday, such as '0 1 * * *' for each night at 01:00 UTC"


def mistake(expression: str) -> str | None:
    """Why no DAG could run by it, in words; None for a cron that fires."""
    fields = _PRESETS.get(expression, expression).split()
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


def ticks_after(expression: str, moment: datetime, count: int) -> list[datetime]:
    """The next `count` moments after `moment`. Raises ValueError for what is no cron, or never
    fires.
    """
    ticks = croniter(_PRESETS.get(expression, expression), moment)
    return [ticks.get_next(datetime) for _ in range(count)]


def last_tick(expression: str, moment: datetime) -> datetime:
    """The latest moment at or before `moment`."""
    found: datetime = croniter(
        _PRESETS.get(expression, expression), moment + timedelta(microseconds=1)
    ).get_prev(datetime)
    return found


def shortest_gap(expression: str) -> timedelta:
    """The shortest time between two of its moments, over the next hundred of them."""
    return min(
        later - earlier for earlier, later in pairwise(ticks_after(expression, _SOME_DAY, _TICKS))
    )
