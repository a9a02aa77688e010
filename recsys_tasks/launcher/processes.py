"""Child processes of the launcher: started each in its own session, watched, measured, none left
behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from recsys_tasks.database import lower_session
from recsys_tasks.launcher import sessions

_CHILD_SECONDS = 6.0
_REST_SECONDS = 2.0


class Fleet:
    """A set of children. `stop()` ends them and everything that they started, also what was
    re-parented.
    """

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self.environment = dict(environment)
        self.logs = logs
        self.logs.mkdir(parents=True, exist_ok=True)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, Sequence[str]] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start one child; its output goes to `logs/name.log`."""
        with _output(self.logs / f"{name}.log") as log:
            self.children[name] = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._commands[name] = command
        lower_session(self.children[name].pid)  # the database that runs beside them serves readers
        sessions.note(self.logs, [child.pid for child in self.children.values()])

    def restart(self, name: str) -> None:
        """Start a child that ended once more, after an end to everything that it left behind.

        A dead scheduler's workers hold its database connections open, and with them its locks: the
        next one would pass over the runs that they lock until they are gone. They are killed: what
        they did is the next one's to do.
        """
        self.kill(name)
        self.start(name, self._commands[name])

    def kill(self, name: str) -> None:
        """KILL a child and everything that it started."""
        child = self.children[name]
        deadline = time.monotonic() + _REST_SECONDS
        while (left := sessions.members({child.pid})) and time.monotonic() < deadline:
            for process in left:
                sessions.signal_to(process, signal.SIGKILL)
            child.poll()
            time.sleep(0.02)

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run one command to its end. Raises RuntimeError with the end of its log when it fails."""
        self.start(name, command)
        code = self.children[name].wait()
        del self.children[name]
        if code:
            raise RuntimeError(f"{name} ended with code {code}:\n{self.log_tail(name)}")

    def ended(self) -> dict[str, int]:
        """Children that ended by themselves: name → exit code, a signal's number negative."""
        codes = {name: child.poll() for name, child in list(self.children.items())}
        return {name: code for name, code in codes.items() if code is not None}

    def log_tail(self, name: str, lines: int = 15) -> str:
        """The last lines that a child wrote."""
        path = self.logs / f"{name}.log"
        return (
            "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            if path.exists()
            else ""
        )

    def members(self) -> list[psutil.Process]:
        """Every living process of the children's sessions: a session outlives re-parenting."""
        return sessions.members({child.pid for child in list(self.children.values())})

    def stop(self) -> None:
        """TERM to the children, so that they end their own; TERM to what is left; KILL what ignores
        it.
        """
        for child in self.children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        self._wait(
            lambda: any(child.poll() is None for child in self.children.values()), _CHILD_SECONDS
        )
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self.members():
                sessions.signal_to(process, number)
            self._wait(lambda: bool(self.members()), _REST_SECONDS)
        for child in self.children.values():
            child.wait()
        self.children.clear()
        sessions.note(self.logs, [])

    def _wait(self, busy: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while busy() and time.monotonic() < deadline:
            for child in self.children.values():
                child.poll()  # reaps it
            time.sleep(0.05)


def _output(path: Path) -> IO[bytes]:
    """Where a child writes; nowhere when the disk is full or cannot be written: the child is more
    than its log.
    """
    try:
        return path.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


class MemoryMeter:
    """Samples the memory of all processes together: PSS, so that shared pages count once."""

    def __init__(self, fleet: Fleet, others: Iterable[int] = (), seconds: float = 0.5) -> None:
        self._fleet = fleet
        self.others = tuple(others)
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.label = "start"
        self.peaks: dict[str, int] = {}

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> None:
        """End sampling."""
        self._ended.set()
        self._thread.join(timeout=5)

    @property
    def peak(self) -> int:
        """Largest sum seen, in bytes."""
        return max(self.peaks.values(), default=0)

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            total = sum(
                map(_pss, {*(p.pid for p in self._fleet.members()), *self._trees(), os.getpid()})
            )
            self.peaks[self.label] = max(total, self.peaks.get(self.label, 0))

    def _trees(self) -> set[int]:
        return {pid for root in self.others for pid in (root, *_descendants(root))}


def _descendants(pid: int) -> list[int]:
    """Direct children. The kernel's own list: walking every process twice a second would cost what
    we measure.
    """
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _pss(pid: int) -> int:
    """Proportional set size in bytes; resident size where the kernel does not tell it."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0
    return 0
