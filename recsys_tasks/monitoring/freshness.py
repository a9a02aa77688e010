"""How old what readers see is."""

from __future__ import annotations

from datetime import date, datetime

from recsys_tasks.monitoring.alarm import Alarm


def age_hours(published_at: datetime, now: datetime) -> float:
    """Hours since the current publication was made current; both are aware times."""
    return (now - published_at).total_seconds() / 3600


def stale(as_of: date | None, published_at: datetime | None, now: datetime, bound_hours: float) -> Alarm | None:
    """An alarm when the current publication is older than `bound_hours`, or there is none; None while it is fresh.

    `as_of` is the current publication's night. Exactly `bound_hours` is still fresh.
    """
    if as_of is None or published_at is None:
        words = "no publication is current: readers get nothing from this pipeline; run the nightly chain"
        return Alarm("stale", "publication_age_hours", bound_hours, float("inf"), words)
    hours = age_hours(published_at, now)
    if hours <= bound_hours:
        return None
    words = f"readers see the lists of {as_of}, published {hours:.1f} hours ago; at most {bound_hours:g} hours is "
    words += "allowed. Tonight's run failed, waits, or never started"
    return Alarm("stale", "publication_age_hours", bound_hours, hours, words)
