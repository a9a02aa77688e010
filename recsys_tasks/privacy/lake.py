"""One user in the lake: what each kind of artifact holds, its removal, and a search that trusts
neither.

A kind, or an array file, that is not known here stops an erasure before it begins: a layout that
nobody thought about must not keep a person's rows.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pyarrow.compute as pc

from recsys_tasks.errors import ArtifactError, offenders
from recsys_tasks.features.erasing import ARRAYS as FEATURE_ARRAYS
from recsys_tasks.features.erasing import erase_features
from recsys_tasks.lake import MANIFEST, Artifact, Draft, Lake
from recsys_tasks.lake.table_files import TABLES, column_names, read_columns
from recsys_tasks.monitoring.run_report.store import erase_report
from recsys_tasks.ranking.erasing import erase_examples
from recsys_tasks.retrieval.candidates.array_files import PATTERNS as GENERATOR_ARRAYS
from recsys_tasks.retrieval.erasing import erase_embeddings, erase_generators
from recsys_tasks.serving.erasing import erase_lists, erase_plan
from recsys_tasks.snapshot.erasing import (
    TEXTS,
    Cut,
    Eraser,
    Subject,
    erase_extract,
    erase_ids,
    erase_raw_events,
    erase_raw_users,
    erase_snapshot,
    erase_validation,
    rows_of,
)

ERASERS: Mapping[str, Eraser] = {
    "report": erase_report,
    "lists": erase_lists,
    "plan": erase_plan,
    "raw_events": erase_raw_events,
    "raw_users": erase_raw_users,
    "extract": erase_extract,
    "events": erase_raw_events,
    "validation": erase_validation,
    "snapshot": erase_snapshot,  # after events: it counts their rows
    "features": erase_features,
    "generators": erase_generators,
    "embeddings": erase_embeddings,
    "examples": erase_examples,
    "ids": erase_ids,  # last: a killed erasure still finds the user's key
}
"""In the order of an erasure."""

IMPERSONAL = frozenset({"raw_items", "tower", "index", "release", "decision", "erased"})
"""Kinds without rows of users: catalogue, parameters (the user tower has none by user), verdicts,
hashes.
"""

_ARRAYS = {
    "plan": ("users.npy",),
    "features": FEATURE_ARRAYS,
    "generators": GENERATOR_ARRAYS,
    "embeddings": ("user_keys.npy", "user_vectors.npy", "item_keys.npy", "item_vectors.npy"),
    "examples": ("*.bin",),
}
_READABLE = (*TABLES, *TEXTS)


@dataclass(frozen=True)
class Hold:
    """An artifact that holds a user, and how to take the user out."""

    artifact: Artifact
    cuts: tuple[Cut, ...]

    @property
    def rows(self) -> int:
        """Rows and mentions."""
        return sum(cut.rows for cut in self.cuts)


def check_layouts(lake: Lake) -> None:
    """Raises ArtifactError when a kind or an array file of the lake is unknown here."""
    strange = []
    for artifact in _artifacts(lake, _kinds(lake)):
        if artifact.kind not in ERASERS and artifact.kind not in IMPERSONAL:
            strange.append(artifact.kind)
        elif artifact.kind in ERASERS:
            known = _ARRAYS.get(artifact.kind, ())
            arrays = [
                name for name in artifact.manifest["files"] if Path(name).suffix not in _READABLE
            ]
            strange += [
                f"{artifact.kind}/{n}"
                for n in arrays
                if not any(fnmatch(n, pattern) for pattern in known)
            ]
    if strange:
        raise ArtifactError(
            expected="only kinds of artifacts whose layout is known",
            found=offenders(strange),
            where=str(lake.root),
            remedy=(
                "say in recsys_tasks/privacy/lake.py what these hold of a user; nothing was erased"
            ),
        )


def holds(lake: Lake, subject: Subject) -> Iterator[Hold]:
    """Every artifact that holds the user, in the order of removal."""
    for kind, eraser in ERASERS.items():
        for artifact in _artifacts(lake, [kind]):
            cuts = tuple(cut for cut in eraser(artifact, subject))
            if cuts:
                yield Hold(artifact, cuts)


def take_out(lake: Lake, hold: Hold, erased: Mapping[str, str]) -> None:
    """Write the artifact again without the user, and delete its old files."""
    with lake.revising(hold.artifact, erased) as draft:
        for cut in hold.cuts:
            cut.apply(draft)
        if hold.artifact.kind == "snapshot":
            _count_again(lake, hold.artifact, draft)


def _count_again(lake: Lake, snapshot: Artifact, draft: Draft) -> None:
    parts = json.loads(snapshot.file("parts.json").read_text())
    if lake.has(
        parts.values()
    ):  # else a day was damaged and set aside, and only later snapshots have it again
        draft.rows = sum(lake.get(reference).rows for reference in parts.values())


def _kinds(lake: Lake) -> list[str]:
    return (
        sorted(child.name for child in lake.root.iterdir() if child.is_dir())
        if lake.root.exists()
        else []
    )


def _artifacts(lake: Lake, kinds: list[str]) -> Iterator[Artifact]:
    for kind in kinds:
        for key in lake.keys(kind):
            yield from lake.versions(kind, key)


# --- the search that trusts no layout ------------------------------------------------------------


def search_folder(folder: Path, subject: Subject) -> tuple[list[str], int]:
    """(files that still name the user, files read): whatever lies there, finished or not."""
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []
    return [str(path.relative_to(folder)) for path in files if _names(path, subject)], len(files)


def search_lake(lake: Lake, subject: Subject) -> tuple[list[str], int, int]:
    """(what still holds the user, kinds searched, files read).

    Every file is read as what it is, and every kind is asked again through its own layout, for
    arrays by key have no names in them. A remote lake's files are read through this machine's copy.
    """
    if lake.is_local:
        found, files = search_folder(Path(str(lake.root.path)), subject)
    else:
        found, files = [], 0
        for artifact in _artifacts(lake, _kinds(lake)):
            names, read = search_folder(artifact.path, subject)
            found += [f"{artifact.reference}/{name}" for name in names]
            files += read
    found += [hold.artifact.reference for hold in holds(lake, subject) if hold.rows]
    return sorted(set(found)), len(_kinds(lake)), files


def _names(path: Path, subject: Subject) -> bool:
    if path.suffix in TABLES:
        return _in_table(path, subject)
    # Where nothing is by user, a short id that turns up is a tag or a layer of that name.
    impersonal = bool(IMPERSONAL & set(path.parts[-5:-1]))
    if path.suffix in (".json", ".html"):
        text = path.read_text(errors="replace")
        mentioned = (subject.is_distinct or not impersonal) and subject.mentions(text) > 0
        return mentioned or (path.name == MANIFEST and _is_input(text, subject))
    return (
        subject.is_distinct
        and path.stat().st_size > 0
        and _in_bytes(path, subject.user_id.encode())
    )


def _in_bytes(path: Path, name: bytes) -> bool:
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        return raw.find(name) >= 0


def _is_input(manifest: str, subject: Subject) -> bool:
    """The id map's manifests name the last id added, a whole value."""
    raw = json.loads(manifest)
    return raw["kind"] == "ids" and raw["inputs"].get("last") == subject.user_id


def _in_table(path: Path, subject: Subject) -> bool:
    """A user table by key keeps the row of the key, with an empty id."""
    names = column_names(path)
    if "user_key" in names and "user_id" in names:
        column = read_columns(path, ["user_id"])["user_id"]
        return bool(pc.any(pc.equal(column, subject.user_id)).as_py())
    return bool(rows_of(path, subject).any())
