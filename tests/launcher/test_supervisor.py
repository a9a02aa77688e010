from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
import pytest

from recsys_tasks.database import EmbeddedServer, libpq_uri
from recsys_tasks.errors import TransientError
from recsys_tasks.launcher import sessions
from recsys_tasks.launcher.processes import Fleet
from recsys_tasks.launcher.restarts import ALLOWED, SLOW_SECONDS, WINDOW_SECONDS, Restarts
from recsys_tasks.launcher.supervisor import Supervisor
from recsys_tasks.launcher.trouble import alerted_parts, down_alert, over
from recsys_tasks.monitoring.alerts.spool import spool_of
from tests.environments import environment_of

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
SHORT = [sys.executable, "-c", "import sys; print('no such port'); sys.exit(3)"]
# As the scheduler does: a transaction with locks, and workers that were forked with its connection.
LOCKING = """
import os, sys, time, psycopg
connection = psycopg.connect(sys.argv[1])
connection.execute("SELECT pg_advisory_xact_lock(4711)")
worker = os.fork()
if worker:
    print(worker, flush=True)
time.sleep(60)
"""


class Database:
    """Stands for the embedded server: what it answers is what a test says."""

    up = answering = True
    starts = 0
    broken = False
    error: Exception = TransientError(
        expected="a start", found="no space left on device", where="it", remedy="room"
    )

    def is_up(self) -> bool:
        return self.up

    def answers(self) -> bool:
        return self.answering

    def start(self) -> None:
        self.starts += 1
        if self.broken:
            raise self.error
        self.up = True


class Watch:
    """A supervisor of a real fleet under a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.fleet, self.database, self.now = Fleet(dict(os.environ), folder), Database(), 0.0
        self.said: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.over: list[str] = []
        self.well: dict[str, bool] = {}
        self.supervisor = Supervisor(
            self.fleet,
            self.database,
            self.said.append,
            lambda *what: self.told.append(what),
            self.over.append,
            lambda: self.well,
            lambda: self.now,
        )

    def pid(self, name: str) -> int:
        return self.fleet.children[name].pid

    def ended(self, name: str) -> None:
        deadline = time.monotonic() + 10
        while name not in self.fleet.ended() and time.monotonic() < deadline:
            time.sleep(0.01)

    def look_after(self, seconds: float) -> None:
        self.now += seconds
        self.supervisor.look()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    made = Watch(tmp_path)
    yield made
    made.fleet.stop()


def test_it_waits_longer_each_time_and_forgets_what_is_long_ago() -> None:
    part = Restarts()
    assert [part.note(now) for now in range(ALLOWED + 1)] == [1, 2, 4, 8, 16, SLOW_SECONDS]
    assert part.too_many
    assert part.note(ALLOWED + WINDOW_SECONDS + 1) == 1  # the first six are forgotten
    assert not part.too_many


def test_what_was_killed_runs_again_and_nobody_is_paged(watch: Watch) -> None:
    watch.fleet.start("scheduler", SLEEPER)
    first = watch.pid("scheduler")
    psutil.Process(first).kill()
    watch.ended("scheduler")
    watch.look_after(0)
    assert watch.pid("scheduler") == first  # not yet
    watch.look_after(1)
    assert psutil.Process(watch.pid("scheduler")).is_running() and watch.pid("scheduler") != first
    assert watch.said == [
        "airflow scheduler ended by itself (signal 9); it is started again in 1 s"
    ]
    assert watch.told == []


def test_what_does_not_stay_up_is_told_once_with_its_last_words_and_tried_on(watch: Watch) -> None:
    watch.fleet.start("api-server", SHORT)
    for _ in range(ALLOWED + 3):
        watch.ended("api-server")
        watch.look_after(0)
        watch.look_after(SLOW_SECONDS)
    ((part, found),) = watch.told
    assert part == "airflow api-server" and "exit code 3" in found and "no such port" in found
    assert watch.supervisor.failing() == "api-server"
    watch.ended("api-server")
    watch.look_after(0)
    assert watch.said[-1].endswith("started again in 60 s")


def test_nothing_is_started_or_counted_while_the_database_is_away(watch: Watch) -> None:
    watch.fleet.start("scheduler", SHORT)
    watch.ended("scheduler")
    watch.database.up = False
    for _ in range(3):
        watch.look_after(1)
    assert (
        watch.said == [] and watch.database.starts == 0
    )  # an administrator's restart takes a moment
    watch.look_after(1)
    watch.look_after(1)
    assert watch.database.starts == 1 and watch.said[-1] == "PostgreSQL is up again"
    watch.database.answering = False  # it replays its log
    watch.look_after(60)
    assert len(watch.said) == 2
    watch.database.answering = True
    watch.look_after(1)
    assert (
        watch.said[-1]
        == "airflow scheduler ended by itself (exit code 3); it is started again in 1 s"
    )
    assert watch.told == []


@pytest.mark.parametrize(
    "error", [Database.error, OSError(28, "no space left on device")], ids=["ours", "the system's"]
)
def test_a_database_that_cannot_start_is_told_once(watch: Watch, error: Exception) -> None:
    watch.database.up, watch.database.broken, watch.database.error = False, True, error
    for _ in range(30):
        watch.look_after(10)
    ((part, found),) = watch.told
    assert part == "PostgreSQL" and "no space left on device" in found
    assert watch.database.starts > 3
    watch.database.broken = False
    watch.look_after(SLOW_SECONDS)
    watch.look_after(SLOW_SECONDS)
    assert watch.database.up and watch.over == []
    watch.look_after(WINDOW_SECONDS + 1)
    assert watch.over == ["PostgreSQL"]
    watch.database.up = False  # another day: it is told again
    watch.database.broken = True
    for _ in range(3):
        watch.look_after(10)
    assert len(watch.told) == 2


@pytest.mark.parametrize("part", ["airflow scheduler", "PostgreSQL"])
def test_an_alert_of_the_launcher_before_is_over_once_the_part_stays_up(
    watch: Watch, tmp_path: Path, part: str
) -> None:
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for name in (part, "airflow triggerer"):  # the second does not run here
        spool_of(environment_of(tmp_path)).add(
            down_alert(name, "exit code 3", home=tmp_path, now=now)
        )
    watch.fleet.start("scheduler", SLEEPER)
    watch.supervisor.take_over(alerted_parts(environment_of(tmp_path)))
    watch.look_after(WINDOW_SECONDS)
    assert watch.over == []
    watch.look_after(1)
    watch.look_after(WINDOW_SECONDS)
    assert watch.over == [part]  # once
    over(part, environment_of(tmp_path), now=now)
    assert alerted_parts(environment_of(tmp_path)) == {"airflow triggerer"}


def test_what_fails_again_under_the_next_launcher_is_told_again(watch: Watch) -> None:
    watch.fleet.start("scheduler", SHORT)
    watch.supervisor.take_over(["airflow scheduler"])
    for _ in range(ALLOWED + 1):
        watch.ended("scheduler")
        watch.look_after(0)  # it is found ended
        watch.look_after(SLOW_SECONDS)  # and started again
    assert [name for name, _ in watch.told] == ["airflow scheduler"]
    assert watch.over == []


def test_what_lives_but_does_not_work_is_ended_and_started_again(watch: Watch) -> None:
    watch.fleet.start("scheduler", SLEEPER)
    first = watch.pid("scheduler")
    psutil.Process(first).suspend()
    watch.well = {"scheduler": False, "api-server": True}
    for _ in range(29):
        watch.look_after(10)
    watch.well["scheduler"] = True  # it was only slow
    watch.look_after(10)
    watch.well["scheduler"] = False
    for _ in range(30):
        watch.look_after(10)
    assert watch.pid("scheduler") == first and watch.fleet.ended() == {}
    watch.look_after(10)
    watch.ended("scheduler")
    watch.look_after(0)
    watch.look_after(1)
    assert watch.pid("scheduler") != first and watch.told == []
    assert watch.said[0] == "airflow scheduler has not worked for 300 s; it is ended"
    second = watch.pid("scheduler")
    for _ in range(30):  # the new one has as long to begin
        watch.look_after(10)
    assert watch.pid("scheduler") == second and len(watch.said) == 2


def test_a_dead_scheduler_gives_its_locks_back_before_the_next_one_starts(
    tmp_path: Path, embedded_server: EmbeddedServer, watch: Watch
) -> None:
    url = libpq_uri(embedded_server.urls()["airflow"])
    watch.fleet.start("scheduler", [sys.executable, "-c", LOCKING, url])
    deadline = time.monotonic() + 20
    while not (said := watch.fleet.log_tail("scheduler")) and time.monotonic() < deadline:
        time.sleep(0.05)
    worker = int(said)
    psutil.Process(watch.pid("scheduler")).kill()
    watch.ended("scheduler")
    with psycopg.connect(url, autocommit=True) as connection:
        taken = connection.execute("SELECT pg_try_advisory_lock(4711)").fetchone()
        assert taken == (False,)  # the worker holds the dead scheduler's connection
        watch.fleet.kill("scheduler")
        assert (
            not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE
        )
        while connection.execute("SELECT pg_try_advisory_lock(4711)").fetchone() != (True,):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_next_launcher_ends_what_a_killed_one_left_and_nobody_else(
    tmp_path: Path, watch: Watch
) -> None:
    watch.fleet.start("scheduler", SLEEPER)
    other = Fleet(dict(os.environ), tmp_path / "other")
    other.start("scheduler", SLEEPER)
    assert sessions.end_left_over(tmp_path) == 1
    watch.ended("scheduler")
    assert watch.fleet.ended() == {"scheduler": -9} and other.ended() == {}
    other.stop()
    assert sessions.end_left_over(tmp_path / "other") == 0
