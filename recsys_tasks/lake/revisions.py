"""A finished attempt written again without one person, as a revision that takes its place.

The attempt is written again, without that person's rows, as the next *revision* of the same
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

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recsys_tasks.lake.artifact import Artifact, Draft
from recsys_tasks.lake.attempts import Attempts
from recsys_tasks.lake.manifest import files_of, fingerprint_of
from recsys_tasks.lake.names import order_of


@contextmanager
def revising(attempts: Attempts, artifact: Artifact, erased: Mapping[str, str]) -> Iterator[Draft]:
    """See `Lake.revising`."""
    kind, key, version = artifact.kind, artifact.key, artifact.version
    before = attempts.revisions(kind, key, version)
    name = f"{version}.{1 + max(order_of(folder)[1] for folder in before)}"
    target = attempts.root / kind / key / name
    local = attempts.begin(target)
    draft = Draft(local, artifact.rows, dict(artifact.facts), dict(artifact.manifest["inputs"]))
    try:
        yield draft
        _copy_missing(artifact, local)
        attempts.finish(local, target, _revised(artifact, draft, erased))
    except BaseException:
        shutil.rmtree(local, ignore_errors=True)
        raise
    for folder in sorted(before, key=order_of, reverse=True):
        attempts.delete(kind, key, folder)
    draft.artifact = attempts.open(kind, key, name)


def _copy_missing(artifact: Artifact, folder: Path) -> None:
    for name in artifact.manifest["files"]:
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(artifact.copied(name), folder / name)


def _revised(artifact: Artifact, draft: Draft, erased: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of a revision."""
    old = artifact.manifest
    changes: dict[str, Any] = {"rows": draft.rows, "facts": draft.facts, "inputs": draft.inputs}
    if draft.inputs != old["inputs"]:
        changes["fingerprint"] = fingerprint_of(
            artifact.kind, artifact.key, draft.inputs, old["config"], old["code"]
        )
    changes |= {"files": files_of(draft.path), "content": artifact.content}
    return {**old, **changes, "erased": [*old.get("erased", []), dict(erased)]}
