"""A stage that hangs is ended, soon where it usually takes seconds, and says so."""

from __future__ import annotations

import signal
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
