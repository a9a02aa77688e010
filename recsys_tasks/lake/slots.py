"""Numbered slots of a key in the lake, each taken once, by one writer, for ever.

Every version of some kinds goes on from the one before it: an id map, the list of erased users. Two
writers that read the same version and both go on from it would fork the chain. So the writer of
such a version takes the slot of the next number first:
`<root>/.slots/<kind>/<key>/<number>/slot.json` is made whole, in one step that fails where it
exists, on a file system (a folder renamed into its place) and on an object store (a conditional
write) alike. Who fails starts again from the version that won. No lock is needed for that, and none
that is lost can hurt.

The slot holds the version's whole manifest: where the writer is killed between taking the slot and
finishing the version, whoever comes next finishes it.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.lake.remote import folders_in

FOLDER = ".slots"
_FILE = "slot.json"


class SlotTaken(Exception):
    """Another writer took the slot: go on from its version."""


@dataclass(frozen=True)
class Slot:
    """A taken slot: its number, and the version it was taken for."""

    number: int
    version: str
    manifest: Mapping[str, Any]


def take(root: UPath, kind: str, key: str, slot: Slot, *, local: bool) -> None:
    """Take a slot. Raises SlotTaken when another has it."""
    target = root / FOLDER / kind / key / f"{slot.number:06d}"
    value = json.dumps(
        {"version": slot.version, "manifest": slot.manifest}, sort_keys=True
    ).encode()
    if local:
        _take_locally(Path(str(target.path)), value)
        return
    (target / _FILE).parent.mkdir(parents=True, exist_ok=True)
    try:
        target.fs.pipe_file((target / _FILE).path, value, mode="create")
    except FileExistsError as error:
        raise SlotTaken(str(target)) from error


def newest(root: UPath, kind: str, key: str) -> Slot | None:
    """The taken slot of the highest number."""
    folder = root / FOLDER / kind / key
    numbers = [int(name) for name in folders_in(folder) if name.isdigit()]
    if not numbers:
        return None
    raw = _read(folder, max(numbers))
    return Slot(max(numbers), raw["version"], raw["manifest"])


def holder(root: UPath, kind: str, key: str, number: int) -> str | None:
    """The version that a slot was taken for; None when it is free."""
    try:
        return str(_read(root / FOLDER / kind / key, number)["version"])
    except FileNotFoundError:
        return None


def _read(folder: UPath, number: int) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / f"{number:06d}" / _FILE).read_bytes())
    return value


def _take_locally(target: Path, value: bytes) -> None:
    draft = target.with_name(f"draft-{secrets.token_hex(4)}")
    draft.mkdir(parents=True)
    try:
        with (draft / _FILE).open("wb") as handle:
            handle.write(value)
            handle.flush()
            os.fsync(handle.fileno())
        draft.rename(target)  # onto a folder that is not empty: refused, in one step
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise SlotTaken(str(target)) from error
        raise
    sync(target.parent)


def sync(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
