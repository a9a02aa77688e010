"""A look from outside, for a cron or a monitor of one's own: what readers see, with no more than
their rights.

It needs neither Airflow nor the settings file, so it speaks when those do not. The codes are those
that monitors know: 0 well, 1 look at it today, 2 readers are concerned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from recsys_tasks.errors import RecsysError

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
class Finding:
    """What was found: the exit code, and one line for people."""

    code: int
    words: str

    def __str__(self) -> str:
        return f"{_NAMES[self.code]}: {' '.join(self.words.split())}"


def probe(
    engine: Engine, now: datetime, *, stale_after_hours: float, nights_behind: int
) -> Finding:
    """Judge what readers see. Never raises a RecsysError: a database that does not answer is a
    finding.

    The lists must be of a night at most `nights_behind` days before today (UTC), and have been
    current for at most `stale_after_hours`. Whom a person holds on earlier lists is not stale.
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
    behind = (now.date() - shown.as_of).days
    words = (
        f"readers see {shown.rows:,} lists of the night of {shown.as_of}, current for {hours:.1f}"
        " hours"
    )
    code = WELL
    if shown.on_hold:
        code = LOOK
        words += f"; held there since {shown.hold_since:%Y-%m-%d %H:%M} UTC by {shown.hold_who}"
    elif behind > nights_behind or hours > stale_after_hours:
        code = CRITICAL
        words += (
            f"; {behind} nights behind today, at most {nights_behind} and {stale_after_hours:g}"
            " hours are allowed"
        )
    if alerts.number:
        code = max(code, LOOK)
        words += (
            f"; {alerts.number} critical alert(s) open in the last 24 hours, the newest:"
            f" {alerts.newest}"
        )
    return Finding(code, words)


def unreachable(error: RecsysError) -> Finding:
    """The database does not answer: readers get nothing either."""
    return Finding(
        CRITICAL, f"the readers' database does not answer: {error.found} ({error.where})"
    )
