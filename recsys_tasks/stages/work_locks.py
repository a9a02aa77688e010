"""Who is at work on the lake: any number of stages at once, or alone an erasure or a sweep; and
whose turn it is.

Sessions' advisory locks in PostgreSQL, so they end with the process that took them, however that
ends. They can end before it, too (the server restarts, the connection breaks): then the lake's
fence keeps what was being written from being finished, unless the lock is had again and nobody used
it meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.database import hold_lock, try_lock
from recsys_tasks.errors import RecsysError, ServingError, TransientError
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.erased_users import last_erasure

_NAME = "lake at work"
TURN_WAIT = "30min"
LOOK_SECONDS = 2.0

Fence = Callable[[], None]


@contextmanager
def at_work(engine: Engine, lake: Lake) -> Iterator[None]:
    """A stage reads or writes the lake; it waits while an erasure or a sweep is under way."""
    session = _Session(engine, lambda connection: hold_lock(connection, _NAME, shared=True))
    erased = last_erasure(lake)

    def fence() -> None:
        if session.take_again() and last_erasure(lake) != erased:
            raise _lost(
                "a user was erased meanwhile, whose rows may be in what this stage was writing"
            )

    with session, _fenced(lake, fence):
        yield


@contextmanager
def in_turn(engine: Engine, lake: Lake, stage: str) -> Iterator[None]:
    """Only one process runs this stage. Raises TransientError naming who does, after a while."""
    session = _Session(
        engine, lambda connection: hold_lock(connection, "stage", stage, wait=TURN_WAIT)
    )

    def fence() -> None:
        if not session.is_alive and not session.take_again(
            lambda connection: try_lock(connection, "stage", stage)
        ):
            raise _lost(f"another process runs {stage} now")

    with session, _fenced(lake, fence):
        yield


@contextmanager
def alone(engine: Engine, lake: Lake | None = None, *, looks: int = 1) -> Iterator[Fence]:
    """Nothing else reads or writes the lake; yields what raises TransientError once that cannot be
    said any more.

    Looks so many times, with breaks, whether it is so. Raises ServingError when it never was.
    """
    session = _Session(engine, lambda connection: _wait_for_quiet(connection, looks))

    def fence() -> None:
        if not session.is_alive:
            raise _lost("stages may be at work again")

    with session:
        if lake is None:
            yield fence
            return
        with _fenced(lake, fence):
            yield fence


def _wait_for_quiet(connection: Connection, looks: int) -> None:
    for look in range(looks):
        if look:
            time.sleep(LOOK_SECONDS)
        if try_lock(connection, _NAME):
            return
    raise ServingError(
        expected="no stage of a night, no erasure and no sweep at work",
        found="one is running",
        where="advisory lock of the recsys database",
        remedy="wait until the night is over (`recsys publications`, Airflow), then run it again",
    )


class _Session:
    """A connection of its own that holds a lock; closing it lets go."""

    def __init__(self, engine: Engine, take: Callable[[Connection], object]) -> None:
        self._engine, self._take = engine, take
        self._connection: Connection | None = None

    def __enter__(self) -> None:
        self._open(self._take)

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def is_alive(self) -> bool:
        """Whether the session, and with it the lock, still is the one that was opened."""
        try:
            assert self._connection is not None
            self._connection.execute(sa.text("SELECT 1"))
        except (sa.exc.SQLAlchemyError, RecsysError):
            return False
        return True

    def take_again(self, take: Callable[[Connection], object] | None = None) -> bool:
        """Take the lock in a new session if the old one is gone; whether that was so (and `take`
        had it).
        """
        if self.is_alive:
            return False
        self._close()
        return self._open(take or self._take) is not False

    def _open(self, take: Callable[[Connection], object]) -> object:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # not the pool's any more: closing it ends the session, and the lock with it
        connection.detach()
        self._connection = connection
        try:
            return take(connection)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sa.exc.SQLAlchemyError, RecsysError):
                self._connection.close()


@contextmanager
def _fenced(lake: Lake, fence: Fence) -> Iterator[None]:
    """Nothing is finished, or removed, in this lake unless `fence` lets it, and those around it."""
    outer = lake.fence

    def both() -> None:
        outer()
        fence()

    lake.fence = both
    try:
        yield
    finally:
        lake.fence = outer


def _lost(found: str) -> TransientError:
    return TransientError(
        expected="the lock that was taken at the start, held to the end",
        found=f"its connection to PostgreSQL broke: {found}; nothing more was written",
        where="advisory lock of the recsys database",
        remedy="the stage is retried; an erasure or a sweep is finished by running it again",
    )
