"""Attempts whose writers were killed: folders without a manifest, found and removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from recsys_tasks.lake import slots
from recsys_tasks.lake.attempts import Attempts
from recsys_tasks.lake.cache import last_written
from recsys_tasks.lake.damages import VACANT
from recsys_tasks.lake.keys import Reference
from recsys_tasks.lake.names import version_of
from recsys_tasks.lake.remote import reached


def remove(attempts: Attempts, *, before: datetime | None = None) -> list[str]:
    """Delete them and name them; with `before`, only those in which nothing was written since, and
    none whose version took its key's last slot: the next writer finishes that one.

    A vacant version stays: references name it, and the next attempt with its files is put there.
    """
    removed = []
    for kind, key, name in list(_unfinished(attempts)):
        if before is not None and not _is_left(attempts, kind, key, name, before):
            continue
        attempts.fence()
        attempts.delete(kind, key, name)
        removed.append(str(Reference(kind, key, name)))
    return removed


def _unfinished(attempts: Attempts) -> Iterator[tuple[str, str, str]]:
    for kind in attempts.kinds():
        for key in attempts.keys(kind):
            for name in attempts.names(kind, key):
                if not attempts.is_finished(kind, key, name) and not _is_vacant(
                    attempts, kind, key, name
                ):
                    yield kind, key, name


def _is_vacant(attempts: Attempts, kind: str, key: str, name: str) -> bool:
    mark = attempts.root / kind / key / name / VACANT
    with reached(mark):
        return bool(mark.exists())


def _is_left(attempts: Attempts, kind: str, key: str, name: str, before: datetime) -> bool:
    slot = slots.newest(attempts.root, kind, key)
    if slot is not None and slot.version == version_of(name):
        return False
    written = _last_written(attempts, kind, key, name)
    return written is not None and written < before


def _last_written(attempts: Attempts, kind: str, key: str, name: str) -> datetime | None:
    """When its newest file was written, by the clock of the file system or store; None where that
    is not known, or where it is gone meanwhile.
    """
    folder = attempts.root / kind / key / name
    if attempts.is_local:
        return last_written(Path(str(folder.path)))
    with reached(folder):
        try:
            times = [folder.fs.modified(path) for path in folder.fs.find(folder.path)]
        except (FileNotFoundError, NotImplementedError):
            return None
    return max((when.astimezone(UTC) for when in times), default=None)
