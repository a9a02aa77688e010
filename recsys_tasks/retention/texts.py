"""Logs and errors of tasks on this machine: those of long ago are removed, and a log that one
process goes on writing is cut to its end.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

KEPT_BYTES = 10_000_000
"""How much of a log that is never begun anew stays."""


@dataclass(frozen=True)
class Removed:
    """What went: files, their bytes, and how many could not be removed."""

    files: int = 0
    bytes: int = 0
    refused: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(
            self.files + other.files, self.bytes + other.bytes, self.refused + other.refused
        )


def remove_old(folder: Path, before: datetime) -> Removed:
    """Remove files of a folder, and of those in it, that nobody wrote to since `before`, and the
    folders that are empty then. Links are not followed.
    """
    removed, oldest = Removed(), before.timestamp()
    found = [(Path(name), files, _touched(Path(name))) for name, _, files in os.walk(folder)]
    for here, files, touched in reversed(found):
        removed += sum((_remove(here / file, oldest) for file in files), Removed())
        if here != folder and touched < oldest:  # else somebody may be about to write in it
            with suppress(OSError):  # not empty
                here.rmdir()
    return removed


def _touched(folder: Path) -> float:
    try:
        return folder.lstat().st_mtime
    except OSError:
        return float("inf")


def _remove(path: Path, oldest: float) -> Removed:
    try:
        known = path.lstat()
        if known.st_mtime >= oldest:
            return Removed()
        path.unlink()
    except FileNotFoundError:
        return Removed()
    except OSError:
        return Removed(refused=1)
    return Removed(1, known.st_size)


def cut(path: Path, kept: int = KEPT_BYTES) -> int:
    """Leave the last bytes of a log once it has five times as many; the bytes that went. Its
    process goes on writing at the end, for it has opened the file to append.
    """
    with suppress(OSError):
        size = path.stat().st_size
        if size > 5 * kept:
            with path.open("r+b") as file:
                file.seek(-kept, os.SEEK_END)
                end = file.read().partition(b"\n")[2]
                file.truncate(0)
            with path.open("ab") as file:
                file.write(end)
            return size - len(end)
    return 0
