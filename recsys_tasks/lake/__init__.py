"""The lake: the only writer of artifacts.

`root/kind/key/<sequence>-<token>/` holds one attempt. Its files come first and `manifest.json`
last, so a folder without a manifest does not exist for readers, on a file system and on S3 alike.
An attempt is never written over: a change of inputs, config or code makes a new one beside it. The
newest is the one that was finished last; where every version goes on from the one before, `slot`
keeps two writers apart.

One thing alone changes what a finished attempt holds: a person must be erased from it (`revise`).
The attempt is then written again, without that person's rows, as the next *revision* of the same
version, in a folder `<sequence>-<token>.<revision>`; when it is whole, the folder before it is
deleted. Of a version's revisions the lowest one with a manifest is the one that counts, so the
deletion is the moment of the change, and a process killed before it has changed nothing. What stays
and what does not:

- `reference` names the version, not the revision: manifests, plans, tables and the registry stay
  right.
- `fingerprint` stays: a rerun with the same inputs finds the revision and is a no-op. It is made
  anew only where the person is part of the inputs' own hash (a shard's users), again so that a
  rerun finds it.
- `content` stays, kept in the manifest. It says what an artifact stands for downstream, and
  everything downstream loses the same person at the same time: what was made from the old files
  with that person taken out is what the new files would give, so nothing needs to be made again.
  Parameters and counts over many users are not remade; the next training does that.
- `files` has the new bytes and checksums, `rows` the new number, and `erased` says when, who did
  it, and the salted hash of the id, never the id.
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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import ArtifactError, ConfigError, DamagedArtifact, TransientError
from recsys_tasks.lake import slots
from recsys_tasks.lake.checksums import damage, hash_file

MANIFEST = "manifest.json"
VACANT = "vacant"
"""In a version's folder whose files were damaged and set aside: the hash of what they were."""
_PACKAGE = Path(__file__).resolve().parents[1]


@functools.cache
def code_version() -> str:
    """Hash of the package's source files: part of every fingerprint."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(_PACKAGE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


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


@dataclass(frozen=True)
class Artifact:
    """A finished attempt: `path` is a local folder (a cache of it when the lake is remote)."""

    kind: str
    key: str
    version: str
    path: Path
    manifest: Mapping[str, Any]
    revision: int = 0

    @property
    def content(self) -> str:
        """Hash of all files' hashes: equal contents are equal inputs downstream. A revision keeps
        its first one.
        """
        return _content(self.manifest)

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
        """Path of one file whose bytes are those that were written. Raises ArtifactError
        otherwise.
        """
        if name not in self.manifest["files"]:
            raise ArtifactError(
                expected=f"file {name!r}",
                found="not in the manifest",
                where=str(self.path / MANIFEST),
                remedy=(
                    "another version of the program wrote this; run the night again from its first"
                    " stage"
                ),
            )
        found = damage(self.path / name, self.manifest["files"][name])
        if found is not None:
            raise _damaged(
                self.path / name,
                f"the {self.manifest['files'][name]['bytes']:,} bytes written",
                found,
            )
        return self.path / name

    def folder(self, name: str = "") -> Path:
        """Path of the artifact's folder, or of one in it, every file below verified. Raises
        DamagedArtifact.
        """
        for file in self.manifest["files"]:
            if not name or file.startswith(f"{name}/"):
                self.file(file)
        return self.path / name

    def damages(self) -> list[tuple[Path, str]]:
        """(file, what is wrong with it) for every file that is not what was written."""
        files = {self.path / name: facts for name, facts in self.manifest["files"].items()}
        return [
            (path, found)
            for path, facts in files.items()
            if (found := damage(path, facts)) is not None
        ]


@dataclass(frozen=True)
class Damaged:
    """A finished attempt in the folder `name`, and (file, what is wrong with it) for each of its
    damaged files.
    """

    kind: str
    key: str
    name: str
    files: tuple[tuple[str, str], ...]

    @property
    def reference(self) -> str:
        """`kind/key/folder`."""
        return f"{self.kind}/{self.key}/{self.name}"


@dataclass
class Draft:
    """An attempt being written: put files under `path`, then set `rows` and `facts`; `inputs` is
    for revisions.
    """

    path: Path
    rows: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    artifact: Artifact | None = None


class Lake:
    """Artifacts under one root, local or remote.

    `root` is a folder or any URL that universal-pathlib opens (`s3://bucket/prefix`); `cache` is
    where remote artifacts are kept on this machine so that they can be memory-mapped.
    """

    def __init__(self, root: str | Path, cache: Path | None = None) -> None:
        self.root = open_root(str(root))
        self.is_local = self.root.protocol in ("", "file", "local")
        self._cache = cache or Path(tempfile.gettempdir()) / "nightshelf-lake-cache"
        self.fence: Callable[[], None] = lambda: None
        """Called before an attempt is finished or removed; what it raises prevents that. See
        `stages.busy`.
        """

    def fingerprint(self, kind: str, key: str, inputs: Mapping[str, str], config: str) -> str:
        """What makes a rerun a no-op: equal inputs, config and code."""
        return _fingerprint(kind, key, inputs, config, code_version())

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
        names = sorted(
            (child.name for child in folder.iterdir() if (child / MANIFEST).exists()), key=_order
        )
        lowest = {name.partition(".")[0]: name for name in reversed(names)}
        return [self._open(kind, key, lowest[version]) for version in sorted(lowest)]

    def newest(self, kind: str, key: str) -> Artifact | None:
        """The newest finished attempt of a key, or None."""
        versions = self.versions(kind, key)
        return versions[-1] if versions else None

    def head(self, kind: str, key: str) -> tuple[int, Artifact | None]:
        """(the next free slot of a key, the version that its version must go on from).

        Finishes the version of the last taken slot first, where its writer was killed before.
        """
        if not self.is_local:
            self.root.fs.invalidate_cache()  # another machine may have written since
        taken = slots.newest(self.root, kind, key)
        if taken is not None:
            self._settle(kind, key, taken)
        newest = self.newest(kind, key)
        return (
            1 + max(taken.number if taken else 0, _number(newest.version) if newest else 0),
            newest,
        )

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
        kind, key, _ = reference.split("/")
        name = self._finished(reference)
        if name is None:
            raise ArtifactError(
                expected=f"artifact {reference}",
                found="no finished attempt",
                where=str(self.root / kind / key),
                remedy="it was removed or never finished; run the night again from its first stage",
            )
        return self._open(kind, key, name)

    def has(self, references: Iterable[str]) -> bool:
        """Whether every one of these is a finished attempt; no file is opened."""
        return all(self._finished(reference) is not None for reference in references)

    def _finished(self, reference: str) -> str | None:
        """The folder that counts of a version, or None when it has no finished attempt."""
        kind, key, version = reference.split("/")
        if (self.root / kind / key / version / MANIFEST).exists():
            return version
        names = self._folders(kind, key, version)
        return next(
            (name for name in names if (self.root / kind / key / name / MANIFEST).exists()), None
        )

    @contextmanager
    def writing(
        self,
        kind: str,
        key: str,
        *,
        inputs: Mapping[str, str] | None = None,
        config: str = "",
        slot: int | None = None,
    ) -> Iterator[Draft]:
        """Write one attempt; the manifest is written when the block ends without an error.

        Afterwards `draft.artifact` is the finished artifact. On an error the attempt is removed.
        `slot`, as `head` gave it, is taken before the manifest is written. Raises SlotTaken at the
        end when another writer has it.
        """
        inputs = dict(inputs or {})
        version = f"{slot or self._next_sequence(kind, key):06d}-{secrets.token_hex(4)}"
        target = self.root / kind / key / version
        local = (
            Path(str(target.path))
            if self.is_local
            else Path(tempfile.mkdtemp(prefix="nightshelf-"))
        )
        local.mkdir(parents=True, exist_ok=True)
        draft = Draft(local)
        try:
            yield draft
            manifest = self._manifest(draft, kind, key, inputs, config)
            name = self._vacant(kind, key, manifest) if slot is None else None
            if name is not None:
                target = self.root / kind / key / name
                local = draft.path = self._take_over(local, target)
            elif slot is None:
                target = self._last_place(target)
                local = draft.path = _moved(local, target) if self.is_local else local
            self._finish(local, target, manifest, slot)
            draft.artifact = self._open(kind, key, target.name)
        except BaseException as error:
            # whoever sees the slot taken may have finished the version already, and gone on from it
            if slot is None or slots.holder(self.root, kind, key, slot) != version:
                shutil.rmtree(local, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _disk_full(error, target) from error
            raise

    @contextmanager
    def revising(self, artifact: Artifact, erased: Mapping[str, str]) -> Iterator[Draft]:
        """Write a finished attempt again, as a revision that takes its place; see the module's
        words.

        Put the changed files under the draft's `path`; the others are copied. `rows`, `facts` and
        `inputs` are those of the attempt until they are set. `erased` is added to the manifest's
        list of that name. Only one process may revise, and none may read or write meanwhile: the
        old files are deleted.
        """
        kind, key, version = artifact.kind, artifact.key, artifact.version
        before = self._folders(kind, key, version)
        name = f"{version}.{1 + max(_order(folder)[1] for folder in before)}"
        target = self.root / kind / key / name
        local = (
            Path(str(target.path))
            if self.is_local
            else Path(tempfile.mkdtemp(prefix="nightshelf-"))
        )
        local.mkdir(parents=True, exist_ok=True)
        draft = Draft(local, artifact.rows, dict(artifact.facts), dict(artifact.manifest["inputs"]))
        try:
            yield draft
            _copy_missing(artifact, local)
            self._finish(local, target, _revised(artifact, draft, erased))
        except BaseException:
            shutil.rmtree(local, ignore_errors=True)
            raise
        for folder in sorted(before, key=_order, reverse=True):
            self._delete(kind, key, folder)
        draft.artifact = self._open(kind, key, name)

    def remove(self, artifact: Artifact) -> None:
        """Delete a finished attempt, its manifest first so that no reader sees half of it."""
        self.fence()
        kind, key = artifact.kind, artifact.key
        for name in sorted(self._folders(kind, key, artifact.version), key=_order, reverse=True):
            self._delete(kind, key, name)

    def remove_unfinished(self) -> list[str]:
        """Delete attempts without a manifest (killed writers) and name them. Run it when none
        writes.
        """
        removed = []
        for kind in self.root.iterdir() if self.root.exists() else ():
            if kind.name == slots.FOLDER:
                continue
            for key in kind.iterdir():
                for attempt in key.iterdir():
                    if not (attempt / MANIFEST).exists():
                        removed.append(f"{kind.name}/{key.name}/{attempt.name}")
                        self._delete(kind.name, key.name, attempt.name)
        return removed

    def damaged(self) -> Iterator[Damaged]:
        """Every finished attempt that is not what was written, each of its files read. A remote one
        is read anew.
        """
        kinds = sorted(c.name for c in self.root.iterdir()) if self.root.exists() else []
        for kind in (name for name in kinds if name != slots.FOLDER):
            for key in sorted(c.name for c in (self.root / kind).iterdir()):
                for attempt in sorted(
                    (self.root / kind / key).iterdir(), key=lambda c: _order(c.name)
                ):
                    if (attempt / MANIFEST).exists() and (
                        found := self._damages(kind, key, attempt.name)
                    ):
                        yield Damaged(kind, key, attempt.name, found)

    def _damages(self, kind: str, key: str, name: str) -> tuple[tuple[str, str], ...]:
        if not self.is_local:
            shutil.rmtree(self._cache / kind / key / name, ignore_errors=True)
        try:
            return tuple(
                (str(path), found) for path, found in self._open(kind, key, name).damages()
            )
        except DamagedArtifact as error:
            return ((error.where, error.found),)

    def set_aside(self, damaged: Damaged, folder: Path) -> Path:
        """Move an attempt out of the lake, its manifest last, so that a killed move goes on;
        returns where it is.

        The version stays vacant: the next attempt with the very same files takes it, and with it
        every reference to it. Where the manifest itself is damaged nobody knows what the files
        were.
        """
        source, target = (
            self.root / damaged.kind / damaged.key / damaged.name,
            folder / damaged.reference,
        )
        content = None
        with suppress(DamagedArtifact):
            content = _content(_read_manifest(source / MANIFEST))
        for child in sorted(source.rglob("*"), key=lambda c: c.name == MANIFEST):
            if child.is_file():
                copy = target / str(child.relative_to(source))
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(child.read_bytes())
        self._delete(damaged.kind, damaged.key, damaged.name)
        if content is not None:
            if self.is_local:
                Path(str(source.path)).mkdir()
            (source / VACANT).write_text(content)
        return target

    def _vacant(self, kind: str, key: str, manifest: Mapping[str, Any]) -> str | None:
        """The version of a key that held the very same files until they were damaged and set aside,
        or None.
        """
        for attempt in (
            (self.root / kind / key).iterdir() if (self.root / kind / key).exists() else ()
        ):
            if (attempt / VACANT).exists() and (attempt / VACANT).read_text() == _content(manifest):
                return attempt.name
        return None

    def _take_over(self, local: Path, target: UPath) -> Path:
        """Put a written attempt where the vacant one was, so that what names that one is right
        again.
        """
        (target / VACANT).unlink()
        if not self.is_local:
            return local
        folder = Path(str(target.path))
        shutil.rmtree(folder)
        return local.rename(folder)

    def _folders(self, kind: str, key: str, version: str) -> list[str]:
        """Every revision's folder of a version, finished or not, the first one first."""
        folder = self.root / kind / key
        names = [child.name for child in folder.iterdir()] if folder.exists() else []
        return sorted((name for name in names if name.partition(".")[0] == version), key=_order)

    def _delete(self, kind: str, key: str, name: str) -> None:
        """Delete one folder and this machine's copy of it, the manifest first."""
        target = self.root / kind / key / name
        (target / MANIFEST).unlink(missing_ok=True)
        for child in target.rglob("*"):
            if child.is_file():
                child.unlink()
        if self.is_local:
            shutil.rmtree(Path(str(target.path)), ignore_errors=True)
        else:
            shutil.rmtree(self._cache / kind / key / name, ignore_errors=True)

    def _settle(self, kind: str, key: str, slot: slots.Slot) -> None:
        """Finish the version of a taken slot where that was not done and all of its files are
        there.
        """
        target = self.root / kind / key / slot.version
        known = [
            name
            for name in self._folders(kind, key, slot.version)
            if (target.parent / name / MANIFEST).exists()
        ]
        if known or not all((target / name).exists() for name in slot.manifest["files"]):
            return
        if self.is_local:
            _write_durably(Path(str(target.path)) / MANIFEST, slot.manifest)
        else:
            (target / MANIFEST).write_text(json.dumps(slot.manifest))

    def _last_place(self, target: UPath) -> UPath:
        """Where an attempt comes to lie: behind those that others finished meanwhile, for the
        newest is the last.
        """
        folder, mine = target.parent, _number(target.name)
        names = [child.name for child in folder.iterdir()] if folder.exists() else []
        if any(
            name != target.name and _number(name) >= mine and (folder / name / MANIFEST).exists()
            for name in names
        ):
            return folder / f"{1 + max(map(_number, names)):06d}-{target.name.partition('-')[2]}"
        return target

    def _finish(
        self, local: Path, target: UPath, manifest: Mapping[str, Any], slot: int | None = None
    ) -> None:
        """Make a written folder an attempt: its files where they belong, and the manifest last."""
        if not self.is_local:
            _upload(local, target, manifest)
        self.fence()
        if slot is not None:
            for name in manifest["files"] if self.is_local else ():
                slots.sync(local / name)
            taken = slots.Slot(slot, target.name, manifest)
            slots.take(self.root, manifest["kind"], manifest["key"], taken, local=self.is_local)
        _write_durably(local / MANIFEST, manifest)
        if not self.is_local:
            (target / MANIFEST).write_text(json.dumps(manifest))
            cached = self._cache / manifest["kind"] / manifest["key"] / target.name
            cached.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(local, cached)

    def _next_sequence(self, kind: str, key: str) -> int:
        folder = self.root / kind / key
        names = [c.name for c in folder.iterdir()] if folder.exists() else []
        return 1 + max(map(_number, names), default=0)

    def _manifest(
        self, draft: Draft, kind: str, key: str, inputs: Mapping[str, str], config: str
    ) -> dict[str, Any]:
        return {
            "kind": kind,
            "key": key,
            "fingerprint": self.fingerprint(kind, key, inputs, config),
            "inputs": dict(inputs),
            "config": config,
            "code": code_version(),
            "rows": draft.rows,
            "facts": draft.facts,
            "files": _files(draft.path),
        }

    def _open(self, kind: str, key: str, name: str) -> Artifact:
        target = self.root / kind / key / name
        path = Path(str(target.path)) if self.is_local else self._cache / kind / key / name
        if not self.is_local and not (path / MANIFEST).exists():
            _download(target, path)
        version, revision = name.partition(".")[0], _order(name)[1]
        return Artifact(kind, key, version, path, _read_manifest(path / MANIFEST), revision)


def _content(manifest: Mapping[str, Any]) -> str:
    if "content" in manifest:
        return str(manifest["content"])
    joined = "".join(
        f"{name}:{facts['sha256']};" for name, facts in sorted(manifest["files"].items())
    )
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


_FIELDS = frozenset({"fingerprint", "inputs", "config", "code", "rows", "facts", "files"})


def _read_manifest(path: Path | UPath) -> dict[str, Any]:
    """A manifest's content. Raises DamagedArtifact when it is cut off or is not one."""
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:  # not JSON, or not text at all
        raise _damaged(path, "a whole manifest", str(error)) from error
    if not isinstance(manifest, dict) or not manifest.keys() >= _FIELDS:
        raise _damaged(path, f"a manifest with {', '.join(sorted(_FIELDS))}", str(manifest)[:200])
    return manifest


def _damaged(path: Path | UPath, expected: str, found: str) -> DamagedArtifact:
    return DamagedArtifact(
        expected=expected,
        found=found,
        where=str(path),
        remedy=(
            "`recsys verify --set-aside` takes what is damaged out of the lake and says which"
            " nights to run again"
        ),
    )


def _number(version: str) -> int:
    return int(version.split("-")[0])


def _moved(folder: Path, target: UPath) -> Path:
    return folder.rename(str(target.path)) if folder.name != target.name else folder


def _order(name: str) -> tuple[str, int]:
    """(version, revision) of a folder's name."""
    version, _, revision = name.partition(".")
    return version, int(revision or 0)


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of every file, by its name."""
    return {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": hash_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _copy_missing(artifact: Artifact, folder: Path) -> None:
    for name in artifact.manifest["files"]:
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(artifact.path / name, folder / name)


def _revised(artifact: Artifact, draft: Draft, erased: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of a revision."""
    old = artifact.manifest
    changes: dict[str, Any] = {"rows": draft.rows, "facts": draft.facts, "inputs": draft.inputs}
    if draft.inputs != old["inputs"]:
        changes["fingerprint"] = _fingerprint(
            artifact.kind, artifact.key, draft.inputs, old["config"], old["code"]
        )
    changes |= {"files": _files(draft.path), "content": artifact.content}
    return {**old, **changes, "erased": [*old.get("erased", []), dict(erased)]}


def _fingerprint(kind: str, key: str, inputs: Mapping[str, str], config: str, code: str) -> str:
    text = json.dumps([kind, key, dict(sorted(inputs.items())), config, code])
    return hashlib.sha256(text.encode()).hexdigest()


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
    manifest = _read_manifest(target / MANIFEST)
    for name, facts in manifest["files"].items():
        path = cached / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes((target / name).read_bytes())
        except FileNotFoundError:
            path.unlink(missing_ok=True)
        found = damage(path, facts)
        if found is not None:
            raise _damaged(target / name, f"the {facts['bytes']:,} bytes written", found)
    _write_durably(cached / MANIFEST, manifest)


def _write_durably(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON so that after a crash the file is either whole or absent."""
    draft = path.with_suffix(
        f".{secrets.token_hex(4)}.tmp"
    )  # two may finish one version at once: see `head`
    with draft.open("w") as handle:
        json.dump(value, handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
