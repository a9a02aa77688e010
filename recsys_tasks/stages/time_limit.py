"""How long a stage may run: what hangs must be ended and tried again before readers miss a night.

A stage's own limit is wide, since a night that trains everything anew may take many times a usual
one. So the first of several tries is ended much earlier, by how long the stage took lately; what
was right and only slow finishes in the next try, which has the whole limit.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import FrameType, TracebackType

from sqlalchemy import Engine, text

from recsys_tasks.config import ScheduleConfig
from recsys_tasks.database import transaction
from recsys_tasks.errors import ConfigError, TimedOut
from recsys_tasks.stages.pipeline import STAGE_NAMES, stage_named

LEAST_MINUTES = 15.0
"""A first try is not ended before it ran so long."""
_NIGHTS = 14
_LEAST_NIGHTS = 3
_LONGEST = text(
    "SELECT max(seconds) FROM (SELECT as_of, max(seconds) AS seconds FROM recsys.stage_runs"
    " WHERE stage = :stage AND NOT coalesce((figures ->> 'reused')::boolean, false)"
    " GROUP BY as_of ORDER BY as_of DESC LIMIT :nights) AS lately HAVING count(*) >= :least"
)


class _Expired(BaseException):
    """No Exception, so that no library in between takes it for an error that it may pass over."""


def limit_minutes(name: str, schedule: ScheduleConfig) -> float:
    """Minutes that a try of a stage may take at most.

    Raises ConfigError where the settings name a stage that does not exist.
    """
    check_names(schedule)
    return schedule.limit_minutes.get(name, stage_named(name).minutes)


def check_names(schedule: ScheduleConfig) -> None:
    """Raises ConfigError where `schedule.limit_minutes` names a stage that does not exist."""
    if unknown := sorted(set(schedule.limit_minutes) - set(STAGE_NAMES)):
        raise ConfigError(
            expected=f"names of stages: {', '.join(STAGE_NAMES)}",
            found=", ".join(unknown),
            where="schedule.limit_minutes",
            remedy="correct or delete these lines",
        )


def limit_seconds(
    engine: Engine, name: str, label: str, schedule: ScheduleConfig, *, more_tries: bool
) -> float:
    """Seconds that this try may take.

    `label`: the stage as `recsys.stage_runs` has it, with its shard. `more_tries`: whether another
    try follows, so that this one may be ended early. Raises ConfigError as `limit_minutes` does.
    """
    most = 60 * limit_minutes(name, schedule)
    if not more_tries or schedule.first_try_times is None:
        return most
    with transaction(engine) as connection:
        asked = {"stage": label, "nights": _NIGHTS, "least": _LEAST_NIGHTS}
        longest = connection.execute(_LONGEST, asked).scalar()
    if longest is None:
        return most
    return min(most, max(60 * LEAST_MINUTES, float(longest) * schedule.first_try_times))


def within(seconds: float, label: str) -> AbstractContextManager[None]:
    """End a block that takes longer than so many seconds, with TimedOut. In the main thread only:
    elsewhere it runs on.

    A block that has come to its end has ended well, also where the time is up just then. A timer
    that was set before, such as Airflow's own, goes on afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        return nullcontext()
    return _Limit(seconds, label)


class _Limit(AbstractContextManager[None]):
    """Implements `within`.

    The alarm may ring at any bytecode, those of this class among them. What it raises there would
    leave the block raw, past `__exit__` and what that puts back: so it raises in the block alone.
    """

    def __init__(self, seconds: float, label: str) -> None:
        self._seconds, self._label = seconds, label

    def __enter__(self) -> None:
        self._began = time.monotonic()
        self._left, _ = signal.setitimer(signal.ITIMER_REAL, 0)  # it rings for nobody else now
        self._outer = signal.signal(signal.SIGALRM, self._expire)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._outer)
        if self._left:
            left = self._left - (time.monotonic() - self._began)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))
        if isinstance(error, _Expired):
            raise _timed_out(self._seconds, self._label) from error

    def _expire(self, number: int, frame: FrameType | None) -> None:
        at_work = {caller.f_code for caller in _callers(frame) if self._is_own(caller)}
        if _Limit.__enter__.__code__ in at_work:
            signal.setitimer(signal.ITIMER_REAL, 0.001)  # the block has yet to begin
        elif not at_work:
            raise _Expired

    def _is_own(self, frame: FrameType) -> bool:
        own = (_Limit.__enter__.__code__, _Limit.__exit__.__code__)
        return frame.f_code in own and frame.f_locals.get("self") is self


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _timed_out(seconds: float, label: str) -> TimedOut:
    whole = f"{math.ceil(seconds)} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    name = label.partition(".")[0]
    return TimedOut(
        expected=f"a try of {label} to end within {whole}",
        found="it was still at work, and was ended",
        where=f"{label}; the task's log says in which line",
        remedy=(
            "see there what it waited for, then run it again; where it had much to do, raise"
            f" schedule.limit_minutes: {{{name}: MINUTES}}"
        ),
    )
