"""Which nights there are: a date that a person typed is compared with them before anything is made
of it.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Engine, text

from recsys_tasks.clock import parse_day
from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Lake

_RAN = text("SELECT as_of FROM recsys.stage_runs UNION SELECT as_of FROM recsys.stage_failures")
_KINDS = ("extract", "snapshot", "plan")
"""Artifacts whose key is a night."""
_SHOWN = 5


def nights_in(lake: Lake) -> set[date]:
    """Nights that left an artifact."""
    return {parse_day(key) for kind in _KINDS for key in lake.keys(kind)}


def require_night(lake: Lake, engine: Engine, as_of: date) -> None:
    """Raises ArtifactError unless some stage of this night ever ran."""
    with engine.connect() as connection:
        known = nights_in(lake) | set(connection.scalars(_RAN))
    if as_of not in known:
        raise no_such_night(as_of, known, "--as-of")


def no_such_night(as_of: date, known: set[date], where: str) -> ArtifactError:
    """The error for a night that never ran, which says which did."""
    return ArtifactError(
        expected=f"a night that ran: {in_words(known)}"
        if known
        else "a night that ran; none has run yet",
        found=f"{as_of}, of which no stage ever ran",
        where=where,
        remedy="name one of them (`recsys publications` lists those with lists)"
        if known
        else f"run it first: recsys run --as-of {as_of}",
    )


def in_words(nights: set[date]) -> str:
    """The newest ones, newest first, and how many more; a run of days as from and to."""
    spans: list[tuple[date, date]] = []
    for day in sorted(nights, reverse=True):
        if spans and spans[-1][0] - day == timedelta(days=1):
            spans[-1] = (day, spans[-1][1])
        else:
            spans.append((day, day))
    shown = [
        f"{first}" if first == last else f"{first} to {last}" for first, last in spans[:_SHOWN]
    ]
    rest = len(spans) - len(shown)
    return ", ".join(shown) + (f" and {rest} earlier spans" if rest else "")
