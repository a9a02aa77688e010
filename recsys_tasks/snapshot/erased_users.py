"""Users who were erased and must not come back: a growing list of salted hashes, in the lake.

The shop's own tables may still hold such a user for weeks, so every extract leaves these rows out.
The salt is drawn once a lake; it keeps the list from being read with a table of common ids, but
whoever holds both list and salt can still ask whether a given id is on it: that is what the list is
for.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.errors import TransientError
from recsys_tasks.lake import Lake
from recsys_tasks.lake.slots import SlotTaken

KIND, KEY, FILE = "erased", "users", "erased.json"


@dataclass(frozen=True)
class Erased:
    """One erased user. `key` is the reserved user key, -1 when the user never had one."""

    hash: str
    key: int
    at: str
    who: str


@dataclass(frozen=True)
class ErasedUsers:
    """Everyone erased from a lake, the first one first."""

    salt: str
    entries: tuple[Erased, ...] = ()

    def hash_of(self, user_id: str) -> str:
        """The hash that replaces an id on the list and in manifests: SHA-256 of salt and id."""
        return hashlib.sha256(f"{self.salt}/{user_id}".encode()).hexdigest()

    def find(self, user_id: str) -> Erased | None:
        """The user's entry, or None."""
        wanted = self.hash_of(user_id)
        return next((entry for entry in self.entries if entry.hash == wanted), None)

    def without(self, rows: pa.Table) -> tuple[pa.Table, int]:
        """The rows of a table (with a column `user_id`) without those of erased users, and how many
        rows these were.
        """
        if not self.entries:
            return rows, 0
        hashes = {entry.hash for entry in self.entries}
        named = [name for name in pc.unique(rows["user_id"]).to_pylist() if name is not None]
        gone = [name for name in named if self.hash_of(name) in hashes]
        if not gone:
            return rows, 0
        kept = rows.filter(
            pc.invert(pc.is_in(rows["user_id"], value_set=pa.array(gone, pa.string())))
        )
        return kept, rows.num_rows - kept.num_rows


def read_erased(lake: Lake) -> ErasedUsers:
    """The newest list; an empty one, with a salt of its own, when nobody was erased yet."""
    artifact = lake.newest(KIND, KEY)
    if artifact is None:
        return ErasedUsers(secrets.token_hex(16))
    return read_list(artifact.file(FILE).read_text())


def read_list(text: str) -> ErasedUsers:
    """The list that a file of it holds. Raises ValueError, KeyError or TypeError for another
    text.
    """
    raw = json.loads(text)
    return ErasedUsers(raw["salt"], tuple(Erased(**entry) for entry in raw["entries"]))


def last_erasure(lake: Lake) -> str:
    """Reference of the newest list; empty when nobody was erased yet."""
    artifact = lake.newest(KIND, KEY)
    return artifact.reference if artifact else ""


def remember(
    lake: Lake, erased: ErasedUsers, user_id: str, key: int, now: datetime, who: str
) -> ErasedUsers:
    """The list with a user added and stored; the same list when the user is on it.

    Raises TransientError when another process has changed the list since `erased` was read.
    """
    if erased.find(user_id) is not None:
        return erased
    entry = Erased(erased.hash_of(user_id), key, now.isoformat(timespec="seconds"), who)
    longer = ErasedUsers(erased.salt, (*erased.entries, entry))
    _write(lake, longer, len(erased.entries))
    return longer


def adopt(lake: Lake, own: ErasedUsers, later: ErasedUsers, keys: Mapping[str, int]) -> None:
    """Take over a list that goes on from this lake's own (or is of a lake that had none); `keys`:
    the user key here of each hash that has one. A no-op where nothing is new.

    A key of the list's own is not taken: after a restore it may be another user's. Raises
    ValueError for a list that does not go on from this one, TransientError as `remember` does.
    """
    known = {entry.hash for entry in own.entries}
    if own.entries and (
        own.salt != later.salt or not known <= {entry.hash for entry in later.entries}
    ):
        raise ValueError("the list does not go on from this lake's own")
    new = [
        replace(entry, key=keys.get(entry.hash, -1))
        for entry in later.entries
        if entry.hash not in known
    ]
    if new:
        longer = ErasedUsers(later.salt, (*own.entries, *new))
        _write(lake, longer, len(own.entries))


def _write(lake: Lake, longer: ErasedUsers, before: int) -> None:
    """Store a list that goes on from one of `before` entries."""
    slot, newest = lake.head(KIND, KEY)
    if newest is not None and newest.rows != before:
        raise _changed(lake)
    try:
        with lake.writing(
            KIND, KEY, inputs={"entries": str(len(longer.entries))}, slot=slot
        ) as draft:
            raw = {"salt": longer.salt, "entries": [asdict(e) for e in longer.entries]}
            (draft.path / FILE).write_text(json.dumps(raw, indent=1))
            draft.rows = len(longer.entries)
    except SlotTaken as error:
        raise _changed(lake) from error


def _changed(lake: Lake) -> TransientError:
    return TransientError(
        expected="the list of erased users as it was read",
        found="another process added to it meanwhile",
        where=f"{lake.root}/{KIND}/{KEY}",
        remedy="run the erasure again",
    )
