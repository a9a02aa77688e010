"""The lake: the only writer of artifacts.

`root/kind/key/<sequence>-<token>/` holds one attempt. Its files come first and `manifest.json`
last, so a folder without a manifest does not exist for readers, on a file system and on S3 alike.
An attempt is never written over: a change of inputs, config or code makes a new one beside it.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import ArtifactError, TransientError

MANIFEST = "manifest.json"
_PACKAGE = Path(__file__).resolve().parent


@functools.cache
def code_version() -> str:
    """Hash of the package's source files: part of every fingerprint."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(_PACKAGE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@dataclass(frozen=True)
class Artifact:
    """A finished attempt: `path` is a local folder (a cache of it when the lake is remote)."""

    kind: str
    key: str
    version: str
    path: Path
    manifest: Mapping[str, Any]

    @property
    def content(self) -> str:
        """Hash of all files' hashes: equal contents are equal inputs downstream."""
        names = sorted(self.manifest["files"])
        joined = "".join(f"{n}:{self.manifest['files'][n]['sha256']};" for n in names)
        return hashlib.sha256(joined.encode()).hexdigest()[:16]

    @property
    def rows(self) -> int:
        """Rows that the artifact holds, in its own grain."""
        return int(self.manifest["rows"])

    @property
    def facts(self) -> Mapping[str, Any]:
        """Figures that the stage wrote about itself."""
        facts: Mapping[str, Any] = self.manifest["facts"]
        return facts

    @property
    def reference(self) -> str:
        """`kind/key/version`: what a manifest, a table row or an XCom carries."""
        return f"{self.kind}/{self.key}/{self.version}"

    def file(self, name: str) -> Path:
        """Path of one file. Raises ArtifactError when it is missing."""
        path = self.path / name
        if name not in self.manifest["files"] or not path.exists():
            raise ArtifactError(
                expected=f"file {name!r}",
                found="not there" if name in self.manifest["files"] else "not in the manifest",
                where=str(self.path),
                remedy="rerun the stage that writes this artifact",
            )
        return path


@dataclass
class Draft:
    """An attempt being written: put files under `path`, then set `rows` and `facts`."""

    path: Path
    rows: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    artifact: Artifact | None = None


class Lake:
    """Artifacts under one root, local or remote.

    `root` is a folder or any URL that universal-pathlib opens (`s3://bucket/prefix`); `cache` is
    where remote artifacts are kept on this machine so that they can be memory-mapped.
    """

    def __init__(self, root: str | Path, cache: Path | None = None) -> None:
        self.root = UPath(root)
        self.is_local = self.root.protocol in ("", "file", "local")
        self._cache = cache or Path(tempfile.gettempdir()) / "nightshelf-lake-cache"

    def fingerprint(self, kind: str, key: str, inputs: Mapping[str, str], config: str) -> str:
        """What makes a rerun a no-op: equal inputs, config and code."""
        text = json.dumps([kind, key, dict(sorted(inputs.items())), config, code_version()])
        return hashlib.sha256(text.encode()).hexdigest()

    def find(self, kind: str, key: str, fingerprint: str) -> Artifact | None:
        """The finished attempt with this fingerprint, newest first, or None."""
        for artifact in reversed(self.versions(kind, key)):
            if artifact.manifest["fingerprint"] == fingerprint:
                return artifact
        return None

    def versions(self, kind: str, key: str) -> list[Artifact]:
        """Every finished attempt of a key, oldest first."""
        folder = self.root / kind / key
        if not folder.exists():
            return []
        names = sorted(child.name for child in folder.iterdir() if (child / MANIFEST).exists())
        return [self._open(kind, key, name) for name in names]

    def newest(self, kind: str, key: str) -> Artifact | None:
        """The newest finished attempt of a key, or None."""
        versions = self.versions(kind, key)
        return versions[-1] if versions else None

    def require(self, kind: str, key: str) -> Artifact:
        """The newest finished attempt of a key. Raises ArtifactError when there is none."""
        artifact = self.newest(kind, key)
        if artifact is None:
            raise ArtifactError(
                expected=f"a finished {kind} for {key}",
                found="none",
                where=str(self.root / kind / key),
                remedy=f"run the stage that writes {kind} for this key first",
            )
        return artifact

    def keys(self, kind: str) -> list[str]:
        """Every key of a kind that has a finished attempt, sorted."""
        folder = self.root / kind
        if not folder.exists():
            return []
        return sorted(c.name for c in folder.iterdir() if c.is_dir() and self.newest(kind, c.name))

    def get(self, reference: str) -> Artifact:
        """Open `kind/key/version`. Raises ArtifactError when it is not finished."""
        kind, key, version = reference.split("/")
        if not (self.root / kind / key / version / MANIFEST).exists():
            raise ArtifactError(
                expected=f"artifact {reference}",
                found="no finished attempt",
                where=str(self.root),
                remedy="it was removed by retention or never finished; rerun its stage",
            )
        return self._open(kind, key, version)

    @contextmanager
    def writing(
        self, kind: str, key: str, *, inputs: Mapping[str, str] | None = None, config: str = ""
    ) -> Iterator[Draft]:
        """Write one attempt; the manifest is written when the block ends without an error.

        Afterwards `draft.artifact` is the finished artifact. On an error the attempt is removed.
        """
        inputs = dict(inputs or {})
        version = f"{self._next_sequence(kind, key):06d}-{secrets.token_hex(4)}"
        target = self.root / kind / key / version
        local = Path(str(target.path)) if self.is_local else Path(tempfile.mkdtemp(prefix="nightshelf-"))
        local.mkdir(parents=True, exist_ok=True)
        draft = Draft(local)
        try:
            yield draft
            manifest = self._manifest(draft, kind, key, inputs, config)
            if not self.is_local:
                _upload(local, target, manifest)
            _write_durably(local / MANIFEST, manifest)
            if not self.is_local:
                (target / MANIFEST).write_text(json.dumps(manifest))
                cached = self._cache / kind / key / version
                cached.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(local, cached)
            draft.artifact = self._open(kind, key, version)
        except BaseException as error:
            shutil.rmtree(local, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _disk_full(error, target) from error
            raise

    def remove(self, artifact: Artifact) -> None:
        """Delete a finished attempt, its manifest first so that no reader sees half of it."""
        target = self.root / artifact.kind / artifact.key / artifact.version
        (target / MANIFEST).unlink()
        for child in target.rglob("*"):
            if child.is_file():
                child.unlink()
        if self.is_local:
            shutil.rmtree(Path(str(target.path)), ignore_errors=True)

    def remove_unfinished(self) -> list[str]:
        """Delete attempts without a manifest (killed writers) and name them. Run it when none writes."""
        removed = []
        for kind in self.root.iterdir() if self.root.exists() else ():
            for key in kind.iterdir():
                for attempt in key.iterdir():
                    if not (attempt / MANIFEST).exists():
                        removed.append(f"{kind.name}/{key.name}/{attempt.name}")
                        shutil.rmtree(Path(str(attempt.path)), ignore_errors=True)
        return removed

    def _next_sequence(self, kind: str, key: str) -> int:
        folder = self.root / kind / key
        names = [c.name for c in folder.iterdir()] if folder.exists() else []
        return 1 + max((int(n.split("-")[0]) for n in names), default=0)

    def _manifest(self, draft: Draft, kind: str, key: str, inputs: Mapping[str, str], config: str) -> dict[str, Any]:
        files = {
            str(path.relative_to(draft.path)): {"bytes": path.stat().st_size, "sha256": hash_file(path)}
            for path in sorted(draft.path.rglob("*"))
            if path.is_file()
        }
        return {
            "kind": kind,
            "key": key,
            "fingerprint": self.fingerprint(kind, key, inputs, config),
            "inputs": dict(inputs),
            "config": config,
            "code": code_version(),
            "rows": draft.rows,
            "facts": draft.facts,
            "files": files,
        }

    def _open(self, kind: str, key: str, version: str) -> Artifact:
        target = self.root / kind / key / version
        if self.is_local:
            path = Path(str(target.path))
            return Artifact(kind, key, version, path, json.loads((path / MANIFEST).read_text()))
        cached = self._cache / kind / key / version
        if not (cached / MANIFEST).exists():
            _download(target, cached)
        return Artifact(kind, key, version, cached, json.loads((cached / MANIFEST).read_text()))


def _disk_full(error: OSError, target: UPath) -> TransientError:
    return TransientError(
        expected="room for an artifact",
        found=str(error)[:400],
        where=str(target),
        remedy="free disk space or run `maintain_storage`, then rerun the task (it is retried)",
    )


def _upload(local: Path, target: UPath, manifest: Mapping[str, Any]) -> None:
    for name in manifest["files"]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((local / name).read_bytes())


def _download(target: UPath, cached: Path) -> None:
    manifest = json.loads((target / MANIFEST).read_text())
    for name, facts in manifest["files"].items():
        path = cached / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((target / name).read_bytes())
        if hash_file(path) != facts["sha256"]:
            raise ArtifactError(
                expected=f"sha256 {facts['sha256']}",
                found=hash_file(path),
                where=str(target / name),
                remedy="the stored file is damaged; rerun the stage that wrote it",
            )
    _write_durably(cached / MANIFEST, manifest)


def _write_durably(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON so that after a crash the file is either whole or absent."""
    draft = path.with_suffix(".tmp")
    with draft.open("w") as handle:
        json.dump(value, handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
