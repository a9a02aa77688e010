"""This machine's copies of a remote lake's files: within a bound, and none from before an erasure.

Copies are removed only while no stage of this machine is at work on them: a lock that each holds
together with the others, and that the kernel lets go when a process ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from recsys_tasks.lake.manifest import MANIFEST

DRAFTS = ".drafts"
"""Where attempts are written before they go to the lake."""
_LOCK, _ERASED = ".lock", ".erased"
_LONGEST_TRY = 7 * 86_400.0
"""Seconds; no stage's limit is longer (`schedule.limit_minutes`)."""


@contextmanager
def in_use(cache: Path, *, bound: int, erased: str) -> Iterator[None]:
    """A stage reads copies within the block. Before it, unless another one does, they are brought
    below `bound` bytes, those first that were not opened for longest, and all of them go when
    `erased`, which names the last erasure, is another one than at the last time. What a killed
    writer left of an attempt goes, too.
    """
    cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _forget_drafts(cache, lock)
            _tidy(cache, bound, erased)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def last_written(folder: Path) -> datetime | None:
    """When something in a folder of this machine was written last; None where it is gone."""
    try:
        times = [path.lstat().st_mtime for path in (folder, *folder.rglob("*"))]
    except FileNotFoundError:
        return None
    return datetime.fromtimestamp(max(times), UTC)


def note_use(copy: Path) -> None:
    """Note that an attempt's copy is opened now."""
    with suppress(OSError):
        os.utime(copy / MANIFEST)


def _forget_drafts(cache: Path, lock: int) -> None:
    """Nobody writes to them: only the page of a stage that failed is written without the lock, in
    seconds.
    """
    os.utime(lock)  # the file system's clock, which the drafts have
    oldest = os.fstat(lock).st_mtime - _LONGEST_TRY
    for draft in _folders(cache / DRAFTS) if (cache / DRAFTS).is_dir() else ():
        written = last_written(draft)
        if written is not None and written.timestamp() < oldest:
            shutil.rmtree(draft, ignore_errors=True)


def _tidy(cache: Path, bound: int, erased: str) -> None:
    noted = cache / _ERASED
    if erased != (noted.read_text() if noted.exists() else ""):
        for folder in (*_folders(cache), cache / DRAFTS):
            shutil.rmtree(folder, ignore_errors=True)
        noted.write_text(erased)
        return
    copies = [copy for kind in _folders(cache) for key in _folders(kind) for copy in _folders(key)]
    sizes = {copy: _bytes(copy) for copy in copies}
    left = sum(sizes.values())
    for copy in sorted(copies, key=_opened):
        if left <= bound:
            return
        shutil.rmtree(copy, ignore_errors=True)
        left -= sizes[copy]


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _opened(copy: Path) -> float:
    manifest = copy / MANIFEST
    return manifest.stat().st_mtime if manifest.exists() else 0.0
