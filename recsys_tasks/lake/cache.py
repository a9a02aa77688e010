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
from pathlib import Path

from recsys_tasks.lake.manifest import MANIFEST

_LOCK, _ERASED = ".lock", ".erased"


@contextmanager
def in_use(cache: Path, *, bound: int, erased: str) -> Iterator[None]:
    """A stage reads copies within the block. Before it, unless another one does, they are brought
    below `bound` bytes, those first that were not opened for longest, and all of them go when
    `erased`, which names the last erasure, is another one than at the last time.
    """
    cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _tidy(cache, bound, erased)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def note_use(copy: Path) -> None:
    """Note that an attempt's copy is opened now."""
    with suppress(OSError):
        os.utime(copy / MANIFEST)


def _tidy(cache: Path, bound: int, erased: str) -> None:
    noted = cache / _ERASED
    if erased != (noted.read_text() if noted.exists() else ""):
        for kind in _folders(cache):
            shutil.rmtree(kind, ignore_errors=True)
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
