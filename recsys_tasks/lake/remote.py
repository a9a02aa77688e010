"""A root of a lake as a folder or a URL, and the way of files to a remote one and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import ConfigError
from recsys_tasks.lake.checksums import damage
from recsys_tasks.lake.manifest import MANIFEST, damaged_error, read_manifest, write_durably


def open_root(url: str) -> UPath:
    """A lake's root, a folder or a URL. Raises ConfigError when nothing that is installed opens
    it.
    """
    try:
        root = UPath(url)
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


def upload(local: Path, target: UPath, manifest: Mapping[str, Any]) -> None:
    """Copy the files that a manifest names from a local folder to the lake."""
    for name in manifest["files"]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((local / name).read_bytes())


def download(target: UPath, cached: Path) -> None:
    """Copy an attempt to this machine, its manifest last. Raises DamagedArtifact."""
    manifest = read_manifest(target / MANIFEST)
    for name, facts in manifest["files"].items():
        path = cached / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes((target / name).read_bytes())
        except FileNotFoundError:
            path.unlink(missing_ok=True)
        found = damage(path, facts)
        if found is not None:
            raise damaged_error(target / name, f"the {facts['bytes']:,} bytes written", found)
    write_durably(cached / MANIFEST, manifest)
