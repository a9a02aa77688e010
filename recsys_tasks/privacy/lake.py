"""One user in the lake: what each kind of artifact holds, its removal, and a search that trusts
neither.

What a kind holds of a user is declared with it, see `lake.kinds`. A kind, or an array file, that is
not declared stops an erasure before it begins: a layout that nobody thought about must not keep a
person's rows.
"""

from __future__ import annotations

import functools
import importlib
import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from recsys_tasks.errors import ArtifactError, offenders
from recsys_tasks.lake import MANIFEST, Artifact, Draft, Lake
from recsys_tasks.lake.kinds import Kind, catalogue
from recsys_tasks.lake.table_files import TABLES, column_names, read_columns
from recsys_tasks.snapshot.erasing import TEXTS, Cut, Eraser, Subject, cut_declared, rows_of

_READABLE = (*TABLES, *TEXTS)


@dataclass(frozen=True)
class UserTrace:
    """An artifact with rows or mentions of one user, what they say, and what removes them."""

    artifact: Artifact
    cuts: tuple[Cut, ...]

    @property
    def contents(self) -> dict[str, Any]:
        """File → what it says of the user."""
        return {name: values for cut in self.cuts for name, values in cut.contents().items()}

    @property
    def rows(self) -> int:
        """Rows and mentions."""
        return sum(cut.rows for cut in self.cuts)


def check_layouts(lake: Lake) -> None:
    """Raises ArtifactError when a kind or an array file of the lake is not declared."""
    strange = []
    for artifact in _artifacts(lake, lake.kinds()):
        kind = catalogue().get(artifact.kind)
        if kind is None:
            strange.append(artifact.kind)
        elif kind.is_personal:
            names = artifact.manifest["files"]
            strange += [f"{kind.name}/{name}" for name in names if not _is_known(kind, name)]
    if strange:
        raise ArtifactError(
            expected="only artifacts whose kind and files are declared",
            found=offenders(strange),
            where=str(lake.root),
            remedy=(
                "say in the kinds.py of the room, or of the package, that writes these what they"
                " hold of a user; nothing was changed"
            ),
        )


def _is_known(kind: Kind, name: str) -> bool:
    """Tables and texts are read as what they are; what an array holds must be said."""
    return Path(name).suffix in _READABLE or kind.holding(name) is not None


def traces(lake: Lake, subject: Subject) -> Iterator[UserTrace]:
    """The traces of a user in the lake, in the order of their removal."""
    for kind in in_order_of_erasure():
        eraser = eraser_of(kind)
        for artifact in _artifacts(lake, [kind.name]):
            cuts = tuple(eraser(artifact, subject))
            if cuts:
                yield UserTrace(artifact, cuts)


def in_order_of_erasure() -> list[Kind]:
    """The kinds with personal rows, in the order of their removal."""
    personal = [kind for kind in catalogue().values() if kind.is_personal]
    return sorted(personal, key=lambda kind: kind.erase_turn)


def eraser_of(kind: Kind) -> Eraser:
    """What takes a user out of a kind: its own eraser, or the rules of its declared files."""
    if not kind.eraser:
        return functools.partial(cut_declared, kind)
    module, _, name = kind.eraser.partition(":")
    eraser: Eraser = getattr(importlib.import_module(module), name)
    return eraser


def take_out(lake: Lake, trace: UserTrace, erased: Mapping[str, str]) -> None:
    """Write the artifact again without the user, and delete its old files."""
    with lake.revising(trace.artifact, erased) as draft:
        for cut in trace.cuts:
            cut.apply(draft)
        if trace.artifact.kind == "snapshot":
            _count_again(lake, trace.artifact, draft)


def _count_again(lake: Lake, snapshot: Artifact, draft: Draft) -> None:
    parts = json.loads(snapshot.file("parts.json").read_text())
    if lake.has(
        parts.values()
    ):  # else a day was damaged and set aside, and only later snapshots have it again
        draft.rows = sum(lake.get(reference).rows for reference in parts.values())


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
        for artifact in _artifacts(lake, lake.kinds()):
            for name in artifact.manifest["files"]:
                artifact.copied(name)
            names, read = search_folder(artifact.path, subject)
            found += [f"{artifact.reference}/{name}" for name in names]
            files += read
    found += [trace.artifact.reference for trace in traces(lake, subject) if trace.rows]
    return sorted(set(found)), len(lake.kinds()), files


def _names(path: Path, subject: Subject) -> bool:
    if path.suffix in TABLES:
        return _in_table(path, subject)
    # Where nothing is by user, a short id that turns up is a tag or a layer of that name.
    impersonal = bool(_impersonal() & set(path.parts[-5:-1]))
    if path.suffix in (".json", ".html"):
        text = path.read_text(errors="replace")
        mentioned = (subject.is_distinct or not impersonal) and subject.mentions(text) > 0
        return mentioned or (path.name == MANIFEST and _is_input(text, subject))
    return (
        subject.is_distinct
        and path.stat().st_size > 0
        and _in_bytes(path, subject.user_id.encode())
    )


def _impersonal() -> frozenset[str]:
    return frozenset(kind.name for kind in catalogue().values() if not kind.is_personal)


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
