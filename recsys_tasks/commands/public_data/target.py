"""The folder of an import: written beside its place under a hidden name, and renamed when whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.errors import ConfigError, offenders

_LOCK = "lock"


@contextmanager
def new_folder(target: Path) -> Iterator[tuple[Path, Path]]:
    """(a folder to write the result in, a folder for what is needed on the way): when the block
    ends well, the first becomes `target`; else, and after a kill, `target` is not there.

    Drafts of killed imports to the same target are removed. Raises ConfigError when there is
    something at `target`, also when it came there meanwhile; OSError when it cannot be written.
    """
    target = target.resolve()
    refuse_to_overwrite(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.import-"
    _remove_drafts(target.parent, prefix)
    draft = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        with (draft / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            result, scratch = draft / "result", draft / "scratch"
            result.mkdir()
            scratch.mkdir()
            yield result, scratch
            for path in (*result.iterdir(), result):
                _sync(path)
            refuse_to_overwrite(target)
            result.replace(target)
            _sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_to_overwrite(target: Path) -> None:
    """Raises ConfigError unless `target` is new or an empty folder."""
    found = ""
    if target.is_dir():
        names = sorted(path.name for path in target.iterdir())
        found = f"a folder with {offenders(names)}" if names else ""
    elif target.exists() or target.is_symlink():
        found = "a file"
    if found:
        raise ConfigError(
            expected="a folder that is not there yet, or is empty",
            found=found,
            where=str(target),
            remedy=f"recsys import PATH --to {target}-new, or remove what is there",
        )


def _remove_drafts(folder: Path, prefix: str) -> None:
    """Remove drafts whose import is dead: its lock is free."""
    for draft in folder.glob(f"{prefix}*"):
        try:
            with (draft / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(draft, ignore_errors=True)
        except OSError:
            continue


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
