"""How far a long computation is: lines in the log, and a bar for whoever watches.

A computation counts its steps with a `Progress`. It logs at most one line in ten seconds, and a
last one, so that a long task's log shows that it works and how long it takes yet; `watching` shows
every step to a function, which `recsys run` draws as a bar.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
"""Between two lines of one computation."""


@dataclass(frozen=True)
class Step:
    """Where a computation is: `done` of `total` units."""

    what: str
    done: int
    total: int


Watcher = Callable[[Step], None]
_watchers: list[Watcher] = []


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Inside, `watcher` gets each step of whatever this process computes."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


class Progress:
    """Counts the steps of one computation, in `unit`s (`users`, `passes`)."""

    def __init__(
        self, what: str, total: int, unit: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._what, self._total, self._unit, self._clock = what, total, unit, clock
        self._done = 0
        self._began = self._logged = clock()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """So many steps more are done; `note` says how it goes, such as the loss."""
        self._done += steps
        for watcher in _watchers:
            watcher(Step(self._what, self._done, self._total))
        now = self._clock()
        if now - self._logged >= EVERY_SECONDS or self._done >= self._total:
            self._logged = now
            log.info("%s: %s%s", self._what, self._words(now), f", {note}" if note else "")

    def _words(self, now: float) -> str:
        seconds = max(now - self._began, 1e-9)
        rate = self._done / seconds
        words = f"{self._done:,} of {self._total:,} {self._unit}, {rate:,.3g} a second"
        if self._done >= self._total:
            return f"{words}, {seconds:.1f} s"
        return f"{words}, about {(self._total - self._done) / rate:.0f} s left"
