"""The lake itself: artifacts found, written, revised and removed."""

from __future__ import annotations

import errno
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import damages, slots, unfinished
from recsys_tasks.lake.artifact import Artifact, Damaged, Draft
from recsys_tasks.lake.attempts import Attempts
from recsys_tasks.lake.cache import in_use
from recsys_tasks.lake.code import modules_of
from recsys_tasks.lake.keys import Reference
from recsys_tasks.lake.kinds import Kind, code_of, declared
from recsys_tasks.lake.manifest import disk_full_error, files_of, fingerprint_of
from recsys_tasks.lake.names import number_of, order_of, version_of
from recsys_tasks.lake.revisions import revising


class Lake:
    """Artifacts under one root, local or remote.

    `root` is a folder or any URL that universal-pathlib opens (`s3://bucket/prefix`); `cache` is
    where remote artifacts are kept on this machine so that they can be memory-mapped.
    """

    def __init__(self, root: str | Path, cache: Path | None = None) -> None:
        cache = cache or Path(tempfile.gettempdir()) / "nightshelf-lake-cache"
        self._attempts = Attempts(str(root), cache)
        self.root = self._attempts.root
        self.is_local = self._attempts.is_local

    @property
    def fence(self) -> Callable[[], None]:
        """Called before an attempt is finished or removed; what it raises prevents that. See
        `stages.work_locks`.
        """
        return self._attempts.fence

    @fence.setter
    def fence(self, fence: Callable[[], None]) -> None:
        self._attempts.fence = fence

    # --- reading ---------------------------------------------------------------------------------

    def kinds(self) -> list[str]:
        """Every kind that has a folder, sorted."""
        return self._attempts.kinds()

    def keys(self, kind: str) -> list[str]:
        """Every key of a kind that has a finished attempt, sorted."""
        return [key for key in self._attempts.keys(kind) if self.newest(kind, key)]

    def versions(self, kind: str, key: str) -> list[Artifact]:
        """Every finished attempt of a key, oldest first."""
        return [*self._newest_first(kind, key)][::-1]

    def newest(self, kind: str, key: str) -> Artifact | None:
        """The newest finished attempt of a key, or None."""
        return next(self._newest_first(kind, key), None)

    def _newest_first(self, kind: str, key: str) -> Iterator[Artifact]:
        """Finished attempts, each opened when it is asked for."""
        names = sorted(self._attempts.names(kind, key), key=order_of)
        revisions = [list(group) for _, group in groupby(names, version_of)]
        for of_version in reversed(revisions):
            finished = (n for n in of_version if self._attempts.is_finished(kind, key, n))
            if (lowest := next(finished, None)) is not None:
                yield self._attempts.open(kind, key, lowest)

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

    def get(self, reference: str) -> Artifact:
        """Open `kind/key/version`. Raises ArtifactError when it is not finished."""
        kind, key, _ = Reference.parse(reference)
        name = self._attempts.finished(reference)
        if name is None:
            raise ArtifactError(
                expected=f"artifact {reference}",
                found="no finished attempt",
                where=str(self.root / kind / key),
                remedy="it was removed or never finished; run the night again from its first stage",
            )
        return self._attempts.open(kind, key, name)

    def has(self, references: Iterable[str]) -> bool:
        """Whether every one of these is a finished attempt; no file is opened."""
        return all(self._attempts.finished(reference) is not None for reference in references)

    def is_there(self, artifact: Artifact) -> bool:
        """Whether an opened attempt was neither removed nor replaced since, by any machine."""
        return self._attempts.is_finished(artifact.kind, artifact.key, artifact.path.name)

    def cache_in_use(self, *, bound: int, erased: str) -> AbstractContextManager[None]:
        """A stage reads this machine's copies of a remote lake within the block; see
        `lake.cache`.
        """
        if self.is_local:
            return nullcontext()
        return in_use(self._attempts.cache, bound=bound, erased=erased)

    # --- writing ---------------------------------------------------------------------------------

    def fingerprint(
        self, kind: Kind | str, key: str, inputs: Mapping[str, str], config: str
    ) -> str:
        """What makes a rerun a no-op: equal inputs, config and code of the kind. Raises
        ArtifactError when the kind is not declared.
        """
        known = declared(kind)
        return fingerprint_of(known.name, key, inputs, config, code_of(known))

    def made_of(
        self, kind: Kind | str, key: str, inputs: Mapping[str, str], config: str = ""
    ) -> Artifact | None:
        """The attempt that was made of these inputs and config by today's code, newest first, or
        None. Raises ArtifactError when the kind is not declared.
        """
        fingerprint = self.fingerprint(kind, key, inputs, config)
        for artifact in self._newest_first(declared(kind).name, key):
            if artifact.manifest["fingerprint"] == fingerprint:
                return artifact
        return None

    def make(
        self,
        kind: Kind | str,
        key: str,
        *,
        inputs: Mapping[str, str],
        config: str = "",
        write: Callable[[Draft], None],
    ) -> Artifact:
        """The attempt that was made of these inputs and config by today's code; where there is
        none, `write` writes it.

        `inputs` are content hashes by name, `config` the hash of the settings that count. Raises
        ArtifactError when the kind is not declared, TypeError when the module of `write` is not
        among those that the kind says it is made by.
        """
        known, module = declared(kind), write.__module__
        if module not in modules_of(*known.made_by):
            raise TypeError(f"{module} writes {known.name}, which is made by {known.made_by}")
        found = self.made_of(known, key, inputs, config)
        if found is not None:
            return found
        with self.writing(known, key, inputs=inputs, config=config) as draft:
            write(draft)
        return draft.finished

    def head(self, kind: str, key: str) -> tuple[int, Artifact | None]:
        """(the next free slot of a key, the version that its version must go on from).

        Finishes the version of the last taken slot first, where its writer was killed before.
        """
        taken = self._attempts.settle(kind, key)
        newest = self.newest(kind, key)
        numbers = taken.number if taken else 0, number_of(newest.version) if newest else 0
        return 1 + max(numbers), newest

    @contextmanager
    def writing(
        self,
        kind: Kind | str,
        key: str,
        *,
        inputs: Mapping[str, str] | None = None,
        config: str = "",
        slot: int | None = None,
    ) -> Iterator[Draft]:
        """Write one attempt; the manifest is written when the block ends without an error.

        Afterwards `draft.finished` is the artifact. On an error the attempt is removed. `slot`, as
        `head` gave it, is taken before the manifest is written. Raises ArtifactError when the kind
        is not declared, SlotTaken at the end when another writer has the slot, Unwritable on a
        full disk.
        """
        attempts, known = self._attempts, declared(kind)
        sequence = slot or attempts.next_sequence(known.name, key)
        version = f"{sequence:06d}-{secrets.token_hex(4)}"
        target = self.root / known.name / key / version
        draft = Draft(attempts.begin(target))
        try:
            yield draft
            manifest = self._manifest(draft, known, key, inputs or {}, config)
            target = self._settled(draft, target, manifest, slot)
            attempts.finish(draft.path, target, manifest, slot)
            draft.artifact = attempts.open(known.name, key, target.name)
        except BaseException as error:
            # whoever sees the slot taken may have finished the version already, and gone on from it
            if slot is None or slots.holder(self.root, known.name, key, slot) != version:
                shutil.rmtree(draft.path, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full_error(error, target) from error
            raise

    def _settled(
        self, draft: Draft, target: UPath, manifest: Mapping[str, Any], slot: int | None
    ) -> UPath:
        """Where a written draft comes to lie, and moves it there: in a vacant version, behind
        those finished meanwhile, or, with a slot, where it is.
        """
        if slot is not None:
            return target
        attempts = self._attempts
        name = damages.vacant(attempts, manifest["kind"], manifest["key"], manifest)
        if name is not None:
            target = target.parent / name
            draft.path = damages.take_over(attempts, draft.path, target)
        else:
            target = attempts.last_place(target)
            draft.path = attempts.move(draft.path, target)
        return target

    def _manifest(
        self, draft: Draft, kind: Kind, key: str, inputs: Mapping[str, str], config: str
    ) -> dict[str, Any]:
        return {
            "kind": kind.name,
            "key": key,
            "fingerprint": self.fingerprint(kind, key, inputs, config),
            "inputs": dict(inputs),
            "config": config,
            "code": code_of(kind),
            "rows": draft.rows,
            "facts": draft.facts,
            "files": files_of(draft.path),
        }

    def revising(
        self, artifact: Artifact, erased: Mapping[str, str]
    ) -> AbstractContextManager[Draft]:
        """Write a finished attempt again, as a revision that takes its place; see `lake.revisions`.

        Put the changed files under the draft's `path`; the others are copied. `rows`, `facts` and
        `inputs` are those of the attempt until they are set. `erased` is added to the manifest's
        list of that name. Only one process may revise, and none may read or write meanwhile: the
        old files are deleted.
        """
        return revising(self._attempts, artifact, erased)

    # --- removing --------------------------------------------------------------------------------

    def remove(self, artifact: Artifact) -> None:
        """Delete a finished attempt, its manifest first so that no reader sees half of it."""
        self.fence()
        kind, key = artifact.kind, artifact.key
        for name in reversed(self._attempts.revisions(kind, key, artifact.version)):
            self._attempts.delete(kind, key, name)

    def remove_unfinished(self, *, before: datetime | None = None) -> list[str]:
        """Delete attempts without a manifest (killed writers) and name them. Run it when none
        writes; with `before`, see `lake.unfinished`.
        """
        if before is None:
            self._attempts.forget_drafts()
        return unfinished.remove(self._attempts, before=before)

    def damaged(self) -> Iterator[Damaged]:
        """Every finished attempt that is not what was written, each of its files read. A remote one
        is read anew.
        """
        return damages.damaged(self._attempts)

    def set_aside(self, damaged: Damaged, folder: Path) -> Path:
        """Move an attempt out of the lake, to `folder`; see `lake.damages`. Returns where it is."""
        return damages.set_aside(self._attempts, damaged, folder)
