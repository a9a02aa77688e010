"""Whether readers' lists are fresh: by the night that they are of, and by how long they have been
shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from recsys_tasks.config.nights import Nights
from recsys_tasks.monitoring.alarms import Alarm

FIRST_LATE_HOURS = 4.0
"""Hours after which a night is late while too few nights have run to know how long one takes."""
_LATE_BOUNDS = (2.0, 6.0)
_KNOWN_NIGHTS = 14


@dataclass(frozen=True)
class Shown:
    """What readers see: a publication's night, since when it is shown, and who set a hold and why,
    if there is one.
    """

    as_of: date
    since: datetime
    hold: str = ""
    held_since: datetime | None = None


@dataclass(frozen=True)
class Due:
    """The newest night whose lists must have been made by now."""

    night: date
    at: datetime
    """When it was due to start."""
    deadline: datetime
    """When its lists had to be ready."""

    @property
    def late_hours(self) -> float:
        """Hours from its start to its deadline."""
        return (self.deadline - self.at).total_seconds() / 3600


def due_night(nights: Nights, now: datetime, late_hours: float) -> Due:
    """The newest night whose deadline is not after `now`: readers' deadline, or `late_hours` after
    its start where none is set.
    """
    start = nights.last_start(now)
    while (at := nights.deadline(start) or start + timedelta(hours=late_hours)) > now:
        start = nights.last_start(start - timedelta(microseconds=1))
    return Due(nights.date_of(start), start, at)


def usual_late_hours(nights: Nights, made: Sequence[tuple[date, datetime]]) -> float:
    """Hours after which a night is late: twice the median of the hours from a night's scheduled
    start to its lists, over the newest nights, within bounds.

    `made`: nights and when their lists were ready. A night that was ready a day later or more is
    left out: it was run by hand.
    """
    hours = [took for night, ready in made if 0 < (took := _hours(nights, night, ready)) < 24][
        :_KNOWN_NIGHTS
    ]
    if not hours:
        return FIRST_LATE_HOURS
    least, most = _LATE_BOUNDS
    return min(max(2 * median(hours), least), most)


def _hours(nights: Nights, night: date, ready: datetime) -> float:
    return (ready - nights.start_of(night)).total_seconds() / 3600


def missed(
    due: Due, nights: Nights, newest: date | None, shown: Shown | None, now: datetime, progress: str
) -> Alarm | None:
    """An alarm when the due night's lists are not there. `newest` is the newest night that was
    made, shown or not; `progress` says how far the due one came.
    """
    if newest is not None and newest >= due.night:
        return None
    hours = (now - due.at).total_seconds() / 3600
    words = (
        f"the night of {due.night} was due at {nights.shown(due.at)}, and its lists are not"
        f" there: {progress}. "
    )
    words += "Readers have no lists" if shown is None else f"Readers see the lists of {shown.as_of}"
    if shown is not None and shown.hold:
        words += f", held there by {shown.hold}"
    return Alarm("missed_night", "hours_since_due", due.late_hours, hours, words)


def stale(shown: Shown | None, now: datetime, bound_hours: float) -> Alarm | None:
    """An alarm when readers have seen the same lists for longer than `bound_hours`; None while they
    are fresh.

    Exactly `bound_hours` is still fresh. Lists that a person holds are not stale: see `held`.
    """
    if shown is None:
        words = (
            "no publication is current: readers get nothing from this pipeline; run the nightly"
            " DAGs"
        )
        return Alarm("stale", "publication_age_hours", bound_hours, float("inf"), words)
    hours = (now - shown.since).total_seconds() / 3600
    if shown.hold or hours <= bound_hours:
        return None
    words = (
        f"readers see the lists of {shown.as_of}, current for {hours:.1f} hours; at most"
        f" {bound_hours:g} hours is "
    )
    words += "allowed. No later night was shown to them"
    return Alarm("stale", "publication_age_hours", bound_hours, hours, words)


def held(shown: Shown | None, now: datetime, bound_hours: float) -> Alarm | None:
    """An alarm, as a reminder, when a hold is older than `bound_hours`; meanwhile later nights are
    made and not shown.
    """
    if shown is None or not shown.hold or shown.held_since is None:
        return None
    hours = (now - shown.held_since).total_seconds() / 3600
    if hours <= bound_hours:
        return None
    words = (
        f"readers are held on the lists of {shown.as_of} since {shown.held_since:%Y-%m-%d %H:%M}"
        f" UTC by {shown.hold}; "
    )
    return Alarm(
        "held", "hold_age_hours", bound_hours, hours, words + "later nights are made and wait"
    )
