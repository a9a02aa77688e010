"""Who stops the embedded server: the last process that uses it, also when the one that started it
was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from recsys_tasks.database import EmbeddedServer, is_running, urls
from recsys_tasks.stages import local_environment

USER = """
import time
from recsys_tasks.stages import local_environment
with local_environment():
    print("up", flush=True)
    time.sleep(120)
"""

ASK = """
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.stages import local_environment
with local_environment() as environment:
    create_engine(database_url(environment)).connect().close()
"""


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def heed_signals() -> None:
    """As at a terminal: what a shell starts in the background ignores both, and so would this."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes that use the server of `tmp_path`."""
    started: list[subprocess.Popen[str]] = []

    def one() -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RECSYS")}
        environment |= {"RECSYS_HOME": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-c", USER],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=heed_signals,
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        return process

    yield one
    for process in started:
        process.kill()
        process.wait()
    if is_running(tmp_path):
        EmbeddedServer.start(tmp_path).stop()


SLOW = [pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGHUP, signal.SIGINT)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, *SLOW])
def test_a_run_that_is_ended_leaves_no_server_behind(
    tmp_path: Path, begin: Callable[[], subprocess.Popen[str]], number: signal.Signals
) -> None:
    process = begin()
    assert is_running(tmp_path)
    process.send_signal(number)
    process.wait(timeout=30)
    assert until(lambda: not is_running(tmp_path))


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_the_server_stays_for_another_that_uses_it_and_goes_with_the_last(
    tmp_path: Path, begin: Callable[[], subprocess.Popen[str]], number: signal.Signals
) -> None:
    first, second = begin(), begin()
    first.send_signal(number)
    first.wait(timeout=30)
    time.sleep(1)
    assert is_running(tmp_path)
    with psycopg.connect(urls(tmp_path)["recsys_reader"].replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.send_signal(number)
    second.wait(timeout=30)
    assert until(lambda: not is_running(tmp_path))


@pytest.mark.slow
def test_a_server_that_was_up_before_stays_up(
    tmp_path: Path, begin: Callable[[], subprocess.Popen[str]]
) -> None:
    server = EmbeddedServer.start(tmp_path)
    process = begin()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    time.sleep(0.5)
    assert is_running(tmp_path)
    server.stop()


def test_the_signals_mean_again_what_they_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    monkeypatch.delenv("RECSYS_DATABASE_URL", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with local_environment():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert not is_running(tmp_path)


@pytest.mark.slow
def test_stopping_ends_a_server_that_was_restarted_by_somebody_else(tmp_path: Path) -> None:
    server = EmbeddedServer.start(tmp_path)
    restart(server)
    server.stop()
    assert until(lambda: not is_running(tmp_path), 5)


def test_a_killed_postmaster_whose_sessions_still_work_is_followed_by_one_server_only(
    tmp_path: Path,
) -> None:
    """A second server on the files of a first whose sessions still write would destroy them."""
    server = EmbeddedServer.start(tmp_path)
    postmaster = psutil.Process(server.server.get_pid())
    session = psycopg.connect(urls(tmp_path)["recsys_owner"].replace("+psycopg", ""))
    backend = psutil.Process(session.info.backend_pid)
    backend.suspend()  # as one that computes, and looks around later
    postmaster.kill()
    postmaster.wait()
    assert until(lambda: not is_running(tmp_path), 5)
    again = EmbeddedServer.start(tmp_path)
    try:
        assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
        with psycopg.connect(again.urls()["recsys_reader"].replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        again.stop()


@pytest.mark.slow
def test_two_that_start_at_once_share_one_server(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RECSYS")} | {
        "RECSYS_HOME": str(tmp_path)
    }
    both = [subprocess.Popen([sys.executable, "-c", ASK], env=environment) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert until(lambda: not is_running(tmp_path))


def restart(server: EmbeddedServer) -> None:
    """`pg_ctl restart -m fast`, as an administrator types it."""
    raw = server.server
    command = [str(raw.bin_path / "pg_ctl"), "-w", "-D", str(raw.pgdata), "-m", "fast", "restart"]
    subprocess.run(
        command,
        check=True,
        user=raw.system_user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
