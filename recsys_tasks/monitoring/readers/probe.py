"""A look from outside, for a cron or a monitor of one's own: what readers see, with no more than
their rights.

It needs neither Airflow nor a right settings file, so it speaks when those do not. The codes are
those that monitors know: 0 well, 1 look at it today, 2 readers are concerned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from recsys_tasks.config.nights import Nights
from recsys_tasks.errors import RecsysError
from recsys_tasks.monitoring.readers.freshness import due_night

WELL, LOOK, CRITICAL = 0, 1, 2
RECENT = timedelta(hours=24)
_NAMES = ("OK", "WARNING", "CRITICAL")

_STATUS = text("SELECT as_of, moved_at, on_hold, hold_who, hold_since, rows FROM recsys.status")
# Databases of earlier versions do not know when an alert was over: there, each of the last day
# counts.
_ALERTS = text("""
SELECT count(*) AS number, (array_agg(a.kind ORDER BY a.raised_at DESC))[1] AS newest
FROM recsys.alerts AS a
WHERE a.severity = 'critical' AND a.raised_at > :since AND to_jsonb(a) ->> 'resolved_at' IS NULL
""")


@dataclass(frozen=True)
class Bounds:
    """What readers may see at most. A bound that is None does not hold."""

    stale_after_hours: float | None = 30.0
    """Hours that lists may be current."""
    nights_behind: int | None = 1
    """Days that their night may lie before today (UTC)."""
    nights: Nights | None = None
    """When nights start and readers expect them: `ready_by`."""


@dataclass(frozen=True)
class Finding:
    """What was found: the exit code, and one line for people."""

    code: int
    words: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What it was found by, for a program."""

    @property
    def state(self) -> str:
        """The code in a word."""
        return _NAMES[self.code]

    def __str__(self) -> str:
        return f"{self.state}: {' '.join(self.words.split())}"


def probe(engine: Engine, now: datetime, bounds: Bounds) -> Finding:
    """Judge what readers see. Never raises a RecsysError: a database that does not answer is a
    finding.

    Whom a person holds on earlier lists is not stale.
    """
    try:
        with engine.connect() as connection:
            shown = connection.execute(_STATUS).one()
            alerts = connection.execute(_ALERTS, {"since": now - RECENT}).one()
    except RecsysError as error:
        return unreachable(error)
    if shown.as_of is None:
        return Finding(CRITICAL, "readers have no lists: nothing was ever published")
    hours = (now - shown.moved_at).total_seconds() / 3600
    words = (
        f"readers see {shown.rows:,} lists of the night of {shown.as_of}, current for {hours:.1f}"
        " hours"
    )
    code, late = WELL, _late(shown.as_of, hours, now, bounds)
    if shown.on_hold:
        code = LOOK
        words += f"; held there since {shown.hold_since:%Y-%m-%d %H:%M} UTC by {shown.hold_who}"
    elif late:
        code = CRITICAL
        words += f"; {late}"
    elif left := _time_left(shown.as_of, now, bounds.nights):
        words += f"; {left}"
    if alerts.number:
        code = max(code, LOOK)
        words += (
            f"; {alerts.number} critical alert(s) open in the last 24 hours, the newest:"
            f" {alerts.newest}"
        )
    figures = {
        "as_of": str(shown.as_of),
        "users": shown.rows,
        "current_hours": round(hours, 2),
        "on_hold": shown.on_hold,
        "open_critical_alerts": alerts.number,
        **_expected(now, bounds.nights),
    }
    return Finding(code, words, figures)


def _late(night: date, hours: float, now: datetime, bounds: Bounds) -> str:
    """Why lists of this night, current for so long, are too old; empty where they are not."""
    words = []
    if bounds.nights is not None and bounds.nights.ready_by is not None:
        due = due_night(bounds.nights, now, 0)
        if night < due.night:
            words.append(
                f"the night of {due.night} is not there: {bounds.nights.time_left(due.night, now)}"
            )
    behind = (now.date() - night).days
    if bounds.nights_behind is not None and behind > bounds.nights_behind:
        words.append(f"{behind} nights behind today, at most {bounds.nights_behind} are allowed")
    if bounds.stale_after_hours is not None and hours > bounds.stale_after_hours:
        words.append(f"at most {bounds.stale_after_hours:g} hours are allowed")
    return "; ".join(words)


def _expected(now: datetime, nights: Nights | None) -> dict[str, str]:
    """The night that started last, and when readers expect it."""
    start = nights.last_start(now) if nights else None
    deadline = nights.deadline(start) if nights and start else None
    if nights is None or start is None or deadline is None:
        return {}
    return {"expected_night": str(nights.date_of(start)), "readers_deadline": deadline.isoformat()}


def _time_left(night: date, now: datetime, nights: Nights | None) -> str:
    """Words on the deadline of a night that started and is not there."""
    started = nights.date_of(nights.last_start(now)) if nights else night
    return nights.time_left(started, now) if nights and night < started else ""


def unreachable(error: RecsysError) -> Finding:
    """The database does not answer: readers get nothing either."""
    return Finding(
        CRITICAL, f"the readers' database does not answer: {error.found} ({error.where})"
    )
