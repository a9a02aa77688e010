"""The largest memory of a night's shards and of its server, sampled while they run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psutil

SECONDS = 0.25


class Measured(Protocol):
    """Largest memory seen so far, in MB."""

    shards_mb: float
    server_mb: float


@contextmanager
def watched_memory(night: Measured, home: str) -> Iterator[None]:
    """Sample the memory of this process's children and of the server under `home` while something
    runs.
    """
    ended = threading.Event()
    pid = int((Path(home) / "postgres" / "postmaster.pid").read_text().split()[0])

    def watch() -> None:
        while not ended.wait(SECONDS):
            children = psutil.Process().children(recursive=True)
            shards = [child for child in children if "postgres" not in _name(child)]
            night.shards_mb = max(night.shards_mb, _proportional(shards))
            server = psutil.Process(pid)
            night.server_mb = max(
                night.server_mb, _proportional([server, *server.children(recursive=True)])
            )

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:  # it ended meanwhile
        return ""


def _proportional(processes: list[psutil.Process]) -> float:
    """Memory of some processes in MB; what several share counts once."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6
