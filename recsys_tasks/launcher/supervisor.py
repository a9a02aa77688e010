"""Keeps PostgreSQL and the parts of Airflow up: readers never lose their database because a part of
Airflow died.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from recsys_tasks.errors import RecsysError
from recsys_tasks.launcher.processes import Fleet
from recsys_tasks.launcher.restarts import Restarts

DATABASE = "PostgreSQL"
_EVERY_SECONDS = 1.0
_ASK_SECONDS = 10.0
_HANGS_SECONDS = 300.0
_GONE_SECONDS = 3.0  # a server that an administrator restarts is away for a moment


class Database(Protocol):
    """The embedded server, as far as it is looked after."""

    def is_up(self) -> bool:
        """Whether its process lives."""

    def answers(self) -> bool:
        """Whether it lets somebody in; not so while it recovers."""

    def start(self) -> None:
        """Start it again. Raises RecsysError when it does not come up."""


class Supervisor:
    """Looks each second for what ended by itself and starts it again, PostgreSQL first.

    `say` gets a line for each step; `tell` gets a part's name and what is known, once it does not
    stay up, and `over` the name when it has stayed up since. What `well` calls unwell for five
    minutes on end, though its process lives, is killed and started again.
    """

    def __init__(
        self,
        fleet: Fleet,
        database: Database,
        say: Callable[[str], None],
        tell: Callable[[str, str], None],
        over: Callable[[str], None],
        well: Callable[[], Mapping[str, bool]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet, self._database, self._say, self._tell = fleet, database, say, tell
        self._over, self._well, self._clock = over, well, clock
        self._asked = clock()
        self._unwell_since: dict[str, float] = {}
        self._parts: dict[str, Restarts] = {}
        self._server = Restarts()
        self._gone_since: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def take_over(self, alerted: Iterable[str]) -> None:
        """Call before `start`: `over` is also called for these parts, whose alerts a launcher
        before left open. What fails again is told again.
        """
        now = self._clock()
        for name in alerted:
            if name == DATABASE:
                self._server.open_since = now
            elif (own := name.removeprefix("airflow ")) in self._fleet.children:
                self._parts[own] = Restarts(open_since=now)

    def start(self) -> None:
        """Start the thread that checks the parts."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; no part is started again after this returns."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def failing(self) -> str | None:
        """Name of a part that does not stay up."""
        return next((name for name, part in self._parts.items() if part.too_many), None)

    def look(self) -> None:
        """Check every part once, and start again what has ended."""
        now = self._clock()
        if not self._database_is_up(now):
            return  # nothing of Airflow lives without it
        ended = self._fleet.ended()
        if ended and not self._database.answers():
            return  # they died of that, and would again
        for name, code in ended.items():
            self._look_after(name, code, now)
        for name, part in self._parts.items():
            if name not in ended and part.calm(now):
                self._has_stayed_up(f"airflow {name}")
        if self._server.calm(now):
            self._has_stayed_up(DATABASE)
        if now - self._asked >= _ASK_SECONDS:
            self._asked = now
            self._end_what_hangs(set(ended), now)

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            try:
                self.look()
            except Exception as error:  # whoever watches must not die of what it sees
                with suppress(Exception):
                    self._say(f"looking after the processes failed, and is tried again: {error}")

    def _has_stayed_up(self, name: str) -> None:
        self._say(f"{name} has stayed up since")
        self._over(name)

    def _look_after(self, name: str, code: int, now: float) -> None:
        part = self._parts.setdefault(name, Restarts())
        self._unwell_since.pop(name, None)  # the next one has as long to begin
        if part.due is None:
            seconds = part.note(now)
            self._say(
                f"airflow {name} ended by itself ({_words(code)}); it is started again in"
                f" {seconds:.0f} s"
            )
            if part.too_many and not part.told:
                part.told = True
                self._tell(
                    f"airflow {name}",
                    f"{_words(code)}; it last said:\n{self._fleet.log_tail(name, 5)}",
                )
        if part.is_due(now) and not self._ended.is_set():
            self._fleet.restart(name)
            part.started()

    def _end_what_hangs(self, ended: set[str], now: float) -> None:
        well = self._well()
        unwell = {name for name, good in well.items() if not good} - ended
        self._unwell_since = {name: self._unwell_since.get(name, now) for name in unwell}
        for name, since in self._unwell_since.items():
            if now - since >= _HANGS_SECONDS:
                self._say(f"airflow {name} has not worked for {now - since:.0f} s; it is ended")
                self._fleet.kill(name)  # the next look finds it ended

    def _database_is_up(self, now: float) -> bool:
        if self._database.is_up():
            self._gone_since = None
            return True
        self._gone_since = now if self._gone_since is None else self._gone_since
        if now - self._gone_since < _GONE_SECONDS:
            return False
        if self._server.due is None:
            seconds = self._server.note(now)
            self._say(f"{DATABASE} ended by itself; it is started again in {seconds:.0f} s")
        if self._server.is_due(now) and not self._ended.is_set():
            self._restart_database()
        return False

    def _restart_database(self) -> None:
        self._server.started()
        try:
            self._database.start()
        except Exception as error:  # a full disk has many words, and on-call must hear of each
            words = (
                f"{error.found}; see {error.where}"
                if isinstance(error, RecsysError)
                else str(error)
            )
            found = f"it does not start: {words}"
        else:
            self._gone_since = None
            self._say(f"{DATABASE} is up again")
            for name, part in self._parts.items():  # they died of this
                if part.alerted:
                    self._over(f"airflow {name}")
                part.forget()
            found = "it was started again each time, and did not stay up"
        if (self._gone_since is not None or self._server.too_many) and not self._server.told:
            self._server.told = True
            self._tell(DATABASE, found)


def _words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
