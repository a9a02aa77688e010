"""What an artifact holds of one user, to be shown or taken out: tables, texts, arrays of user keys.

A `Cut` is found first, and read (`recsys export-user`) or applied to a draft of the artifact's next
revision later (`recsys erase-user`): so both are of the same places. Finding is cheap: only the
columns that name users are read. Later layers add the layouts of their own kinds.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.errors import hashed_user
from recsys_tasks.lake import MANIFEST, Artifact, Draft
from recsys_tasks.lake.kinds import Holding, Kind
from recsys_tasks.lake.table_files import column_names, count_rows, read_columns, write_like
from recsys_tasks.snapshot.table_hashes import table_hash

STAND_IN = "(erased)"
_AROUND = 120
"""Characters of a text that are quoted before and after a mention."""
DISTINCT_BYTES = 6
TEXTS = (".json", ".html", ".txt", ".log")


@dataclass(frozen=True)
class Subject:
    """The user to be erased or exported; `key` is -1 for a user who never got one."""

    user_id: str
    key: int

    @property
    def is_plain(self) -> bool:
        """Only digits or only letters: the same text may well stand for something else."""
        return self.user_id.isdigit() or self.user_id.isalpha()

    @property
    def is_distinct(self) -> bool:
        """Long and particular enough that its occurrence anywhere is no accident."""
        return not self.is_plain and len(self.user_id.encode()) >= DISTINCT_BYTES

    @cached_property
    def pattern(self) -> str:
        """A regular expression, for Python and PostgreSQL alike, for the user's mentions in prose.

        An id of letters and digits, or with other signs, is found as a word of its own. With an id
        that is only a number or only letters, that would be every 42 or every "rows" of a report:
        such a one counts in single quotes, in quotes within quotes, or after "user".
        """
        forms = {self.user_id, html.escape(self.user_id)}
        forms |= {json.dumps(self.user_id, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        words = f"(?:{'|'.join(re.escape(form) for form in longest_first)})"
        if self.is_plain:
            after = [rf"""(?<={mark}){words}(?!\w)""" for mark in ("user ", 'user "', "user_id ")]
            found = "|".join(
                [rf"""(?<=['`;]){words}(?=['`&])""", rf"""(?<=\\"){words}(?=\\")""", *after]
            )
        else:
            found = rf"(?<!\w){words}(?!\w)"
        return f"{found}|{re.escape(hashed_user(self.user_id))}"

    def mentions(self, text: str) -> int:
        """How often a text names the user."""
        return len(re.findall(self.pattern, text))

    def quotes(self, text: str) -> list[str]:
        """Each mention, with what stands around it."""
        found = re.finditer(self.pattern, text)
        return [text[max(0, m.start() - _AROUND) : m.end() + _AROUND] for m in found]

    def without(self, text: str) -> str:
        """The text with STAND_IN for every mention."""
        return re.sub(self.pattern, STAND_IN, text)


@dataclass(frozen=True)
class Cut:
    """Rows (or mentions) of the user in some files of an artifact, and what writes these files
    without them.
    """

    rows: int
    apply: Callable[[Draft], None]
    contents: Callable[[], Mapping[str, Any]]
    """Reads what the files say of the user: file → rows as dicts, quotes, or `numbers`."""


Eraser = Callable[[Artifact, Subject], list[Cut]]
"""What an artifact holds of a user; empty when it holds nothing."""


def numbers(values: npt.NDArray[Any]) -> dict[str, Any]:
    """An array's values of the user, `[...]` of any dtype and shape, as JSON says them."""
    return {"dtype": str(values.dtype), "shape": list(values.shape), "values": values.tolist()}


# --- tables --------------------------------------------------------------------------------------


def rows_of(path: Path, subject: Subject) -> npt.NDArray[np.bool_]:
    """`[rows] bool`: rows of a table's file that belong to the user, by `user_key`, `user_id` or
    the map's `id`.
    """
    names = column_names(path)
    masks = []
    for name, value in (
        ("user_key", subject.key),
        ("user_id", subject.user_id),
        ("id", subject.user_id),
    ):
        if name in names:
            column = read_columns(path, [name])[name]
            masks.append(
                pc.fill_null(pc.equal(column, pa.scalar(value, column.type)), False).to_numpy()
            )
    return np.logical_or.reduce(masks) if masks else np.zeros(count_rows(path), bool)


def cut_rows(artifact: Artifact, name: str, subject: Subject, *, counted: bool = True) -> list[Cut]:
    """The user's rows of a table's file go; `counted`: they are part of the artifact's `rows`."""
    path = artifact.file(name)
    mask = rows_of(path, subject)

    def apply(draft: Draft) -> None:
        kept = read_columns(path).filter(pa.array(~mask))
        write_like(path, kept, draft.path / name)
        draft.rows -= int(mask.sum()) if counted else 0
        if counted and "content" in draft.facts:  # by which an extract knows the same rows again
            draft.facts["content"] = table_hash(kept)

    return [Cut(int(mask.sum()), apply, _table_rows(path, name, mask))] if mask.any() else []


def _table_rows(
    path: Path, name: str, mask: npt.NDArray[np.bool_]
) -> Callable[[], Mapping[str, Any]]:
    return lambda: {name: read_columns(path).filter(pa.array(mask)).to_pylist()}


def cut_values(artifact: Artifact, name: str, subject: Subject, key: str | None) -> list[Cut]:
    """The user's row of a table by key stays, as its number is the key; what it says of the user
    goes.

    The id becomes empty and every other column but `key` null.
    """
    path = artifact.file(name)
    mask = rows_of(path, subject)
    if key is not None and mask.any():
        ids = read_columns(path, ["user_id"])["user_id"].to_numpy()
        mask &= ids != ""
    if not mask.any():
        return []

    def apply(draft: Draft) -> None:
        table = read_columns(path)
        for place, field in enumerate(table.schema):
            if field.name != key:
                value = pa.scalar("" if field.name in ("id", "user_id") else None, field.type)
                table = table.set_column(
                    place, field, pc.if_else(pa.array(mask), value, table[field.name])
                )
        write_like(path, table, draft.path / name)

    return [Cut(int(mask.sum()), apply, _table_rows(path, name, mask))]


# --- texts ---------------------------------------------------------------------------------------


def cut_texts(artifact: Artifact, subject: Subject, names: Iterable[str]) -> list[Cut]:
    """Mentions in texts become STAND_IN."""
    return [cut for name in names for cut in _cut_text(artifact, name, subject)]


def _cut_text(artifact: Artifact, name: str, subject: Subject) -> list[Cut]:
    text = artifact.file(name).read_text()
    found = subject.mentions(text)

    def apply(draft: Draft) -> None:
        (draft.path / name).parent.mkdir(parents=True, exist_ok=True)
        (draft.path / name).write_text(subject.without(text))

    return [Cut(found, apply, lambda: {name: subject.quotes(text)})] if found else []


# --- kinds by what is declared of their files ----------------------------------------------------


def cut_declared(kind: Kind, artifact: Artifact, subject: Subject) -> list[Cut]:
    """What an artifact holds of the user by the rules of its kind's files."""
    cuts = []
    for name in artifact.manifest["files"]:
        holding = kind.holding(name)
        if holding in (Holding.ROWS, Holding.ROWS_BESIDE):
            cuts += cut_rows(artifact, name, subject, counted=holding is Holding.ROWS)
        elif holding is Holding.VALUES:
            cuts += cut_values(artifact, name, subject, "user_key")
        elif holding is Holding.MENTIONS and Path(name).suffix in TEXTS:
            cuts += cut_texts(artifact, subject, [name])
        elif holding is Holding.KEYS:
            cuts += _cut_keys(artifact, name, subject)
    return cuts


def _cut_keys(artifact: Artifact, name: str, subject: Subject) -> list[Cut]:
    keys = np.load(artifact.file(name))
    if subject.key not in keys:
        return []
    kept = keys[keys != subject.key]
    return [Cut(1, lambda draft: np.save(draft.path / name, kept), lambda: {name: [subject.key]})]


def erase_ids(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The map's text; the manifest's inputs name the last id that was added."""
    if artifact.key != "users":
        return []
    cuts = cut_values(artifact, "ids.parquet", subject, None)
    if artifact.manifest["inputs"].get("last") != subject.user_id:
        return cuts

    def apply(draft: Draft) -> None:
        draft.inputs["last"] = ""

    return [*cuts, Cut(1, apply, lambda: {MANIFEST: [{"inputs.last": subject.user_id}]})]
