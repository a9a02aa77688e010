"""A stage that hangs is ended, soon where it usually takes seconds, and says so."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from types import FrameType
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from recsys_tasks.config import ScheduleConfig
from recsys_tasks.database import create_engine
from recsys_tasks.errors import ConfigError, TimedOut
from recsys_tasks.stages.outcome import StageResult
from recsys_tasks.stages.records import record_stage
from recsys_tasks.stages.time_limit import limit_seconds, within

DAY = date(2026, 3, 2)


class Runs:
    """Runs of `embed`, under a label that no other test has."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.label = engine, f"embed.{uuid4()}"

    def ran(self, seconds: float, day: int, reused: bool = False, label: str = "") -> None:
        night = DAY + timedelta(days=day)
        label = label or self.label
        record_stage(self.engine, StageResult(label, night, "a", 1, seconds, {}, reused, 1.0, 1))

    def limit(self, *, more: bool = True, **schedule: object) -> float:
        settings = ScheduleConfig.model_validate(schedule)
        return limit_seconds(self.engine, "embed", self.label, settings, more_tries=more)


@pytest.fixture
def runs(postgres: Mapping[str, str]) -> Runs:
    return Runs(create_engine(postgres["recsys"]))


def test_a_first_try_is_ended_by_how_long_the_stage_took_lately(runs: Runs) -> None:
    """Embed may take two hours; its longest run of the last 14 nights was 200 seconds."""
    for day in range(2):
        runs.ran(200, day)
    assert runs.limit() == 7200  # two nights say too little
    runs.ran(100, 2)
    runs.ran(3000, 2, label=f"{runs.label}.1")
    assert runs.limit() == 2000
    assert runs.limit(more=False) == 7200  # the last try has the whole limit
    assert runs.limit(first_try_times=None) == 7200
    assert runs.limit(first_try_times=5) == 1000
    assert runs.limit(limit_minutes={"embed": 20}) == 1200


def test_a_quick_stage_has_a_quarter_of_an_hour(runs: Runs) -> None:
    for day in range(3):
        runs.ran(2, day)
    assert runs.limit() == 900


def test_runs_that_made_nothing_and_old_nights_do_not_count(runs: Runs) -> None:
    for day in range(3):
        runs.ran(300, day)
        runs.ran(1, day, reused=True)
    assert runs.limit() == 3000
    for day in range(3, 17):
        runs.ran(150, day)
    assert runs.limit() == 1500


def test_a_stage_that_does_not_exist_is_named(runs: Runs) -> None:
    with pytest.raises(ConfigError, match="embedd") as refused:
        runs.limit(limit_minutes={"embedd": 5})
    assert "embed," in refused.value.expected
    with pytest.raises(ValueError, match="limit_minutes"):
        ScheduleConfig.model_validate({"limit_minutes": {"embed": 0}})


def test_what_hangs_is_ended_though_errors_are_passed_over() -> None:
    with pytest.raises(TimedOut, match="within 1 seconds") as ended, within(0.3, "embed"):
        while True:
            with suppress(Exception):
                time.sleep(60)
    assert "schedule.limit_minutes: {embed: MINUTES}" in ended.value.remedy
    assert ended.value.__cause__ is not None  # its traceback says in which line


def test_a_timer_that_was_set_before_goes_on() -> None:
    rung: list[int] = []

    def ring(number: int, frame: FrameType | None) -> None:
        rung.append(number)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.6)
        with within(60, "embed"):
            time.sleep(0.2)
        assert 0.1 < signal.getitimer(signal.ITIMER_REAL)[0] < 0.5
        time.sleep(0.6)
        assert rung == [signal.SIGALRM]
        with within(60, "embed"):
            time.sleep(0.1)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    finally:
        signal.signal(signal.SIGALRM, before)


class Alarm:
    """Rings at the n-th step of what the block's begin and end call after it was set, while the
    limit's timer runs: as where the time is up at that very moment.
    """

    def __init__(self, step: int) -> None:
        self.left, self.rang = step, False

    def __call__(self, frame: FrameType, event: str, _: object) -> Alarm:
        frame.f_trace_opcodes = True
        self.left -= frame.f_code.co_filename != __file__
        if self.left == 0 and 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60:
            self.rang = True
            signal.raise_signal(signal.SIGALRM)
        return self


def ended(alarm: Alarm, at_the_end: bool) -> str:
    """What becomes of a block that takes hardly any time, the alarm in its end or its beginning."""
    done = ""
    try:
        if not at_the_end:
            sys.settrace(alarm)
        with within(60, "embed"):
            done = "done"
            if at_the_end:
                sys.settrace(alarm)
    except TimedOut:
        return "timed out"
    finally:
        sys.settrace(None)
    return done


@pytest.mark.parametrize("at_the_end", [True, False])
def test_time_that_is_up_at_any_step_is_told_or_the_block_is_done(at_the_end: bool) -> None:
    def outer(number: int, frame: FrameType | None) -> None:
        raise AssertionError("the limit's alarm went to somebody else")

    traced, before = sys.gettrace(), signal.signal(signal.SIGALRM, outer)
    found: list[str] = []
    try:
        for step in range(1, 400):
            alarm = Alarm(step)
            signal.setitimer(signal.ITIMER_REAL, 3600)
            became = ended(alarm, at_the_end)
            assert 3590 < signal.getitimer(signal.ITIMER_REAL)[0] <= 3600, step
            assert signal.getsignal(signal.SIGALRM) is outer, step
            found += [became] * alarm.rang
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.settrace(traced)
    assert "done" in found and set(found) <= {"done", "timed out"}
