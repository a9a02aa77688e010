"""Sessions of processes: a child's session holds everything that it started, also what lost its
parent.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

_FILE = "sessions.json"
_END_SECONDS = 5.0
_BOOT_SECONDS = 5.0


def members(sessions: Collection[int]) -> list[psutil.Process]:
    """Every living process of some sessions."""
    found = (_living(pid) for pid in psutil.pids() if _session(pid) in sessions)
    return [process for process in found if process is not None]


def signal_to(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(psutil.Error):
        process.send_signal(number)  # psutil checks the creation time: never a recycled pid


def note(folder: Path, pids: Collection[int]) -> None:
    """Write down which sessions are ours, for the next launcher in case that this one is killed."""
    with suppress(OSError):  # a full disk must not cost the processes themselves
        draft = folder / f"{_FILE}.tmp"
        draft.write_text(
            json.dumps({"boot": psutil.boot_time(), "sessions": [_entry(pid) for pid in pids]})
        )
        draft.replace(folder / _FILE)


def end_left_over(folder: Path) -> int:
    """End what a killed launcher left running; how many processes that were."""
    try:
        noted = json.loads((folder / _FILE).read_text())
        if abs(noted["boot"] - psutil.boot_time()) > _BOOT_SECONDS:
            return 0  # the machine was started anew since
        ours = {pid for pid, created in noted["sessions"] if _is_ours(pid, created)}
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    left = members(ours)
    for process in left:
        signal_to(process, signal.SIGKILL)
    deadline = time.monotonic() + _END_SECONDS
    while members(ours) and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(left)


def _entry(pid: int) -> tuple[int, float]:
    try:
        return pid, psutil.Process(pid).create_time()
    except psutil.Error:
        return pid, 0.0


def _is_ours(pid: int, created: float) -> bool:
    """Whether a session is still the one that was noted; its number is free for others once it is
    empty.
    """
    try:
        return abs(psutil.Process(pid).create_time() - created) < 1.0
    except psutil.Error:
        return True  # its leader is gone: while it has members, nobody else gets its number


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def _living(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None
