"""Folders of attempts under the root of a lake: listed, opened, finished and deleted."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.lake import slots
from recsys_tasks.lake.artifact import Artifact
from recsys_tasks.lake.cache import DRAFTS, note_use
from recsys_tasks.lake.keys import Reference
from recsys_tasks.lake.manifest import MANIFEST, read_manifest, write_durably
from recsys_tasks.lake.names import number_of, order_of, version_of
from recsys_tasks.lake.remote import (
    LOCAL,
    fetch,
    folders_in,
    open_root,
    reached,
    upload,
    write_json,
)


class Attempts:
    """Every attempt's folder, finished or not, local or remote.

    `cache` is where this machine keeps the files of a remote lake. `fence` is called before an
    attempt is finished; what it raises prevents that.
    """

    def __init__(self, root: str, cache: Path) -> None:
        self.root = open_root(root)
        self.is_local = self.root.protocol in LOCAL
        self.fence: Callable[[], None] = lambda: None
        self.cache = cache

    def kinds(self) -> list[str]:
        """Every kind that has a folder, sorted."""
        return sorted(name for name in folders_in(self.root) if not name.startswith("."))

    def keys(self, kind: str) -> list[str]:
        """Every key of a kind that has a folder, sorted."""
        return sorted(folders_in(self.root / kind))

    def names(self, kind: str, key: str) -> list[str]:
        """Every attempt's folder of a key, in no order."""
        return folders_in(self.root / kind / key)

    def is_finished(self, kind: str, key: str, name: str) -> bool:
        """Whether the folder has a manifest."""
        path = self.root / kind / key / name / MANIFEST
        with reached(path):
            return bool(path.exists())

    def revisions(self, kind: str, key: str, version: str) -> list[str]:
        """Every revision's folder of a version, finished or not, the first one first."""
        names = self.names(kind, key)
        return sorted((name for name in names if version_of(name) == version), key=order_of)

    def finished(self, reference: str) -> str | None:
        """The folder that counts of a version, or None when it has no finished attempt."""
        kind, key, version = Reference.parse(reference)
        if self.is_finished(kind, key, version):
            return version
        names = self.revisions(kind, key, version)
        return next((name for name in names if self.is_finished(kind, key, name)), None)

    def next_sequence(self, kind: str, key: str) -> int:
        """The sequence number after the highest of a key."""
        return 1 + max(map(number_of, self.names(kind, key)), default=0)

    def open(self, kind: str, key: str, name: str) -> Artifact:
        """A finished attempt; of a remote one the manifest is fetched. Raises DamagedArtifact."""
        target = self.root / kind / key / name
        path = Path(str(target.path)) if self.is_local else self.cache / kind / key / name
        remote = None if self.is_local else target
        if remote is not None:
            fetch(remote / MANIFEST, path / MANIFEST)
            note_use(path)
        manifest = read_manifest(path / MANIFEST)
        return Artifact(kind, key, version_of(name), path, manifest, order_of(name)[1], remote)

    def begin(self, target: UPath) -> Path:
        """A local folder for an attempt that is to become `target`."""
        if self.is_local:
            local = Path(str(target.path))
        else:  # beside the cache, into which it is renamed
            local = self.cache / DRAFTS / f"{target.name}-{secrets.token_hex(4)}"
        local.mkdir(parents=True, exist_ok=True)
        return local

    def last_place(self, target: UPath) -> UPath:
        """Where an attempt comes to lie: behind those that others finished meanwhile, for the
        newest is the last.
        """
        folder, mine = target.parent, number_of(target.name)
        names = folders_in(folder)
        if any(
            name != target.name and number_of(name) >= mine and (folder / name / MANIFEST).exists()
            for name in names
        ):
            last = max(map(number_of, names))
            return folder / f"{1 + last:06d}-{target.name.partition('-')[2]}"
        return target

    def move(self, local: Path, target: UPath) -> Path:
        """Rename the local folder of an attempt of a local lake to `target`'s name."""
        if not self.is_local or local.name == target.name:
            return local
        return local.rename(str(target.path))

    def finish(
        self, local: Path, target: UPath, manifest: Mapping[str, Any], slot: int | None = None
    ) -> None:
        """Make a written folder an attempt: its files where they belong, and the manifest last."""
        if not self.is_local:
            upload(local, target, manifest)
        self.fence()
        if slot is not None:
            for name in manifest["files"] if self.is_local else ():
                slots.sync(local / name)
            taken = slots.Slot(slot, target.name, manifest)
            slots.take(self.root, manifest["kind"], manifest["key"], taken, local=self.is_local)
        write_durably(local / MANIFEST, manifest)
        if not self.is_local:
            write_json(target / MANIFEST, manifest)
            self.forget(manifest["kind"], manifest["key"], target.name)
            cached = self.cache / manifest["kind"] / manifest["key"] / target.name
            cached.parent.mkdir(parents=True, exist_ok=True)
            local.rename(cached)

    def settle(self, kind: str, key: str) -> slots.Slot | None:
        """The last taken slot of a key; its version is finished where its writer was killed
        before, and all of its files are there.
        """
        slot = slots.newest(self.root, kind, key)
        if slot is None or self.finished(str(Reference(kind, key, slot.version))) is not None:
            return slot
        target = self.root / kind / key / slot.version
        if all((target / name).exists() for name in slot.manifest["files"]):
            if self.is_local:
                write_durably(Path(str(target.path)) / MANIFEST, slot.manifest)
            else:
                write_json(target / MANIFEST, slot.manifest)
        return slot

    def delete(self, kind: str, key: str, name: str) -> None:
        """Delete one folder and this machine's copy of it, the manifest first."""
        target = self.root / kind / key / name
        (target / MANIFEST).unlink(missing_ok=True)
        for child in target.rglob("*"):
            if child.is_file():
                child.unlink()
        if self.is_local:
            shutil.rmtree(Path(str(target.path)), ignore_errors=True)
        else:
            self.forget(kind, key, name)

    def forget(self, kind: str, key: str, name: str) -> None:
        """Delete this machine's copy of a remote attempt: it is fetched anew when it is opened."""
        if not self.is_local:
            shutil.rmtree(self.cache / kind / key / name, ignore_errors=True)

    def forget_drafts(self) -> None:
        """Delete what killed writers of a remote lake left on this machine. Run it when none
        writes.
        """
        if not self.is_local:
            shutil.rmtree(self.cache / DRAFTS, ignore_errors=True)
