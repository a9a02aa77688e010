"""A root of a lake as a folder or a URL, and the way of files to an object store and back.

What is listed is asked for each time: another machine may have written since. A file comes to this
machine whole or not at all, so that two of its processes may fetch one at once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import DISK, ConfigError, RecsysError, TransientError

LOCAL = ("", "file", "local")


def open_root(url: str) -> UPath:
    """A lake's root, a folder or a URL. Raises ConfigError when nothing that is installed opens
    it.
    """
    try:
        root = UPath(url)
        if root.protocol not in LOCAL:
            root = UPath(url, use_listings_cache=False)
        root.fs  # noqa: B018  (the driver is only now looked for)
    except (ImportError, ValueError) as error:
        scheme = url.partition("://")[0]
        driver = (
            "make setup EXTRAS=s3"
            if scheme in ("s3", "s3a")
            else f"install fsspec's driver of {scheme}://"
        )
        raise ConfigError(
            expected=(
                "a lake that opens: a folder, or a URL whose driver is installed (s3fs for s3://)"
            ),
            found=f"no driver for {scheme}:// ({error})",
            where=f"RECSYS_LAKE={url}",
            remedy=f"{driver}, or set RECSYS_LAKE to a folder",
        ) from error
    return root


def folders_in(folder: UPath) -> list[str]:
    """Names of the folders in a folder, in no order; none where there is no such folder. Raises
    ConfigError, TransientError.
    """
    with reached(folder):
        try:
            found = folder.fs.ls(folder.path, detail=True)
        except FileNotFoundError:
            return []
    names = (entry["name"].rstrip("/") for entry in found if entry["type"] == "directory")
    return [name.rpartition("/")[2] for name in names]


def upload(local: Path, target: UPath, manifest: Mapping[str, Any]) -> None:
    """Copy the files that a manifest names from a local folder to the lake, large ones in parts.
    Raises ConfigError, TransientError.
    """
    for name in manifest["files"]:
        with reached(target):
            target.fs.put_file(str(local / name), (target / name).path)


def write_json(target: UPath, value: Mapping[str, Any]) -> None:
    """Write an object of an object store, whole or not at all. Raises ConfigError,
    TransientError.
    """
    with reached(target):
        target.fs.pipe_file(target.path, json.dumps(value).encode())


def fetch(source: UPath, path: Path, size: int | None = None) -> None:
    """Copy one file to this machine unless it is here, or is not in the lake.

    `size`: the bytes that were written, where they are known. A copy with fewer or more than the
    store has is thrown away: a transfer that ended early must not be taken for a damaged file.
    Raises ConfigError, TransientError.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with reached(source):
            try:
                source.fs.get_file(source.path, str(draft))
                got = draft.stat().st_size
                there = got if got == size or size is None else int(source.fs.size(source.path))
            except FileNotFoundError:
                return
        if got != there:
            raise TransientError(
                expected=f"the {there:,} bytes of the file",
                found=f"{got:,} bytes when the transfer ended",
                where=str(source),
                remedy="run the stage again; if it fails in the same way, look at the network"
                " between this machine and the object store",
            )
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def reached(place: UPath) -> Iterator[None]:
    """What a store's driver raises, as an error in four parts; its own words may hold a key of the
    credentials. Errors of a lake in a folder go on as they are.

    Raises ConfigError, TransientError.
    """
    try:
        yield
    except RecsysError:
        raise
    except Exception as error:  # each driver has its own
        if place.protocol in LOCAL or getattr(error, "errno", None) in DISK:
            raise  # the copy's disk is full or read-only: not the store's fault
        kind, missing = type(error).__name__, isinstance(error, FileNotFoundError)
        if missing or isinstance(error, PermissionError) or "credential" in kind.lower():
            raise ConfigError(
                expected="an object store whose bucket is there, and credentials that may list,"
                " read and write in it",
                found="no such bucket" if missing else f"none, or none that may ({kind})",
                where=str(place),
                remedy="make the bucket of RECSYS_LAKE, export its credentials for every process"
                " (of S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)",
            ) from None
        raise TransientError(
            expected="an object store that answers",
            found=f"an error of its driver, {kind}",
            where=str(place),
            remedy="see whether this machine reaches it; the stage is retried",
        ) from None
