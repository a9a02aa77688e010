"""`recsys backfill`: nights of the past, made again in order, while readers keep what they see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from recsys_tasks.errors import ConfigError
from recsys_tasks.serving.publication import current_publication
from recsys_tasks.stages.night import Night


def nights_between(first: date, last: date) -> list[date]:
    """Every night from the first to the last, both included. Raises ConfigError."""
    if last < first:
        raise ConfigError(
            expected="--to on or after --from",
            found=f"--from {first} and --to {last}",
            where="the command line",
            remedy="exchange them",
        )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def backfill(
    nights: list[date], open_night: Callable[[date], Night], run: Callable[[Night], None]
) -> str:
    """Run the nights, oldest first; a line on what readers see and which nights were made without
    these. Raises as the first night that fails does: those after it would build on a hole.
    """
    for day in nights:
        run(open_night(day))
    current = current_publication(open_night(nights[-1]).engine)
    if current is None:
        return "readers have no lists yet: no night of these was shown"
    words = f"readers see the lists of {current.as_of}"
    if current.as_of <= nights[-1]:
        return words
    following = nights[-1] + timedelta(days=1)
    return (
        f"{words}, which did not change. The nights from {following} on were made without these;"
        f" to make them again: recsys backfill --from {following} --to {current.as_of}"
    )
