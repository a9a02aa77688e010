"""The manifest of an attempt: what was made, from what, and the hash of every file."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import DamagedArtifact, Unwritable
from recsys_tasks.lake.checksums import hash_file

MANIFEST = "manifest.json"
_FIELDS = frozenset({"fingerprint", "inputs", "config", "code", "rows", "facts", "files"})


def content_of(manifest: Mapping[str, Any]) -> str:
    """Hash of all files' hashes; a revision keeps its first one."""
    if "content" in manifest:
        return str(manifest["content"])
    joined = "".join(
        f"{name}:{facts['sha256']};" for name, facts in sorted(manifest["files"].items())
    )
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def read_manifest(path: Path | UPath) -> dict[str, Any]:
    """A manifest's content. Raises DamagedArtifact when it is cut off or is not one."""
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:  # not JSON, or not text at all
        raise damaged_error(path, "a whole manifest", str(error)) from error
    if not isinstance(manifest, dict) or not manifest.keys() >= _FIELDS:
        raise damaged_error(
            path, f"a manifest with {', '.join(sorted(_FIELDS))}", str(manifest)[:200]
        )
    return manifest


def damaged_error(path: Path | UPath, expected: str, found: str) -> DamagedArtifact:
    """The error of a file that is not what was written, with the command that helps."""
    return DamagedArtifact(
        expected=expected,
        found=found,
        where=str(path),
        remedy=(
            "`recsys verify --set-aside` takes what is damaged out of the lake and says which"
            " nights to run again"
        ),
    )


def disk_full_error(error: OSError, target: UPath) -> Unwritable:
    """The error of a disk that has no room for an artifact."""
    return Unwritable(
        expected="room for an artifact",
        found=str(error)[:400],
        where=str(target),
        remedy=(
            "free disk space or trigger the DAG `maintain_storage` (its id begins with"
            " schedule.dag_prefix), then run the task again"
        ),
    )


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of every file, by its name."""
    return {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": hash_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fingerprint_of(kind: str, key: str, inputs: Mapping[str, str], config: str, code: str) -> str:
    """What makes a rerun a no-op: equal inputs, config and code."""
    text = json.dumps([kind, key, dict(sorted(inputs.items())), config, code])
    return hashlib.sha256(text.encode()).hexdigest()


def write_durably(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON so that after a crash the file is either whole or absent."""
    # Two processes may finish one version at once, see `Lake.head`: each has a draft of its own.
    draft = path.with_suffix(f".{secrets.token_hex(4)}.tmp")
    with draft.open("w") as handle:
        json.dump(value, handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
