"""Attempts whose files are not what was written: found, set aside, and made again in their place.

The version of an attempt that was set aside stays vacant: the next attempt with the very same files
takes it, and with it every reference to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import DamagedArtifact
from recsys_tasks.lake.artifact import Damaged
from recsys_tasks.lake.attempts import Attempts
from recsys_tasks.lake.manifest import MANIFEST, content_of, read_manifest
from recsys_tasks.lake.names import order_of

VACANT = "vacant"
"""In a version's folder whose files were damaged and set aside: the hash of what they were."""


def damaged(attempts: Attempts) -> Iterator[Damaged]:
    """Every finished attempt that is not what was written, each of its files read, a remote one
    fetched anew.
    """
    for kind in attempts.kinds():
        for key in attempts.keys(kind):
            for name in sorted(attempts.names(kind, key), key=order_of):
                if attempts.is_finished(kind, key, name) and (
                    found := _damages(attempts, kind, key, name)
                ):
                    yield Damaged(kind, key, name, found)


def _damages(attempts: Attempts, kind: str, key: str, name: str) -> tuple[tuple[str, str], ...]:
    attempts.forget(kind, key, name)
    try:
        artifact = attempts.open(kind, key, name)
        return tuple((str(path), found) for path, found in artifact.damages())
    except DamagedArtifact as error:
        return ((error.where, error.found),)


def set_aside(attempts: Attempts, found: Damaged, folder: Path) -> Path:
    """Move an attempt out of the lake, its manifest last, so that a killed move goes on; returns
    where it is.

    Where the manifest itself is damaged nobody knows what the files were, and no version is vacant.
    """
    source, target = attempts.root / found.kind / found.key / found.name, folder / found.reference
    content = None
    with suppress(DamagedArtifact):
        content = content_of(read_manifest(source / MANIFEST))
    for child in sorted(source.rglob("*"), key=lambda c: c.name == MANIFEST):
        if child.is_file():
            copy = target / str(child.relative_to(source))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(child.read_bytes())
    attempts.delete(found.kind, found.key, found.name)
    if content is not None:
        if attempts.is_local:
            Path(str(source.path)).mkdir()
        (source / VACANT).write_text(content)
    return target


def vacant(attempts: Attempts, kind: str, key: str, manifest: Mapping[str, Any]) -> str | None:
    """The version of a key that held the very same files until they were damaged and set aside, or
    None.
    """
    for name in attempts.names(kind, key):
        mark = attempts.root / kind / key / name / VACANT
        if mark.exists() and mark.read_text() == content_of(manifest):
            return name
    return None


def take_over(attempts: Attempts, local: Path, target: UPath) -> Path:
    """Put a written attempt where the vacant one was, so that what names that one is right
    again.
    """
    (target / VACANT).unlink()
    if not attempts.is_local:
        return local
    folder = Path(str(target.path))
    shutil.rmtree(folder)
    return local.rename(folder)
