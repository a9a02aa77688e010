"""A machine whose clock is not PostgreSQL's: told once by the look, and over once both say the
same. `make chaos-night CHAOS_GROUPS=clock` has it under the real scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import time

import pytest
import time_machine
from sqlalchemy.engine import Engine

from recsys_tasks.commands.doctor_database import clocks
from recsys_tasks.config import Environment
from tests.monitoring.watched import Watch, open_now, raised
from tests.serving.nights import publish_night, stock


@contextmanager
def off_by(seconds: float) -> Iterator[None]:
    """This process's clock, so many seconds from what it was."""
    there = datetime.fromtimestamp(time(), UTC) + timedelta(seconds=seconds)
    with time_machine.travel(there, tick=True):
        yield


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3 * 3600, "this machine's clock is 3:00:00 h ahead of PostgreSQL's"),
        (-90, "this machine's clock is 0:01:30 h behind PostgreSQL's"),
    ],
)
def test_a_clock_that_is_off_is_told_once_and_over_once_it_is_right(
    writer: Engine, environment: Environment, watch: Watch, seconds: float, words: str
) -> None:
    stock(writer)
    publish_night(writer, 0)
    watch(0, 5)
    assert open_now(environment) == []
    with off_by(seconds):
        assert words in watch(0, 5.2)
        watch(0, 5.4)
        found = clocks(environment)
        assert not found.passed and words in found.words
    (alert,) = raised(environment)
    assert (alert.kind, alert.severity) == ("clocks_apart", "critical")
    assert words in alert.message and alert.runbook == "include/runbooks/clocks-differ.md"
    assert "timedatectl on both machines" in alert.remedy
    watch(0, 5.6)
    assert open_now(environment) == []
    assert clocks(environment).passed
    with off_by(seconds):
        watch(0, 5.8)
    assert len(raised(environment)) == 2  # another jump is another incident


def test_half_a_minute_is_no_incident(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    with off_by(30):
        watch(0, 5)
    assert raised(environment) == []
