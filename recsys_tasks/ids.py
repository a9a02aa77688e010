"""Ids are text; keys are int32. One append-only map per entity: a key is never reused or moved.

The map is an artifact (`ids/users`, `ids/items`): row number = key. A later version starts with all
rows of the one before it, so arrays indexed by key stay valid for ever. The key of an erased user
stays reserved, and its text is empty: no id is empty, so it names nobody.

Whoever opens a map for the first time verifies it: bytes, count, each id once, and that it begins
with the version before it, where that is still kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks.errors import ArtifactError, DamagedArtifact, DataError, TransientError, offenders
from recsys_tasks.lake import Artifact, Lake, SlotTaken
from recsys_tasks.lake.keys import NameKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

IDS = Kind(
    name="ids",
    what="the map of ids to keys, one of users and one of items",
    key=NameKey,
    files={"ids.parquet": Holding.OTHER},
    retire=Retire.NEVER,
    made_by=("recsys_tasks.ids",),
    eraser="recsys_tasks.snapshot.erasing:erase_ids",
    erase_turn=2,  # last: a killed erasure still finds the user's key
)
KINDS = (IDS,)
KIND, FILE = IDS.name, "ids.parquet"
PARENT = "parent"  # input of a version: reference of the one that it goes on from
MAX_ID_BYTES = 256
ATTEMPTS = 100  # each lost one is another process's version
Keys = npt.NDArray[np.int32]


@dataclass(frozen=True)
class IdMap:
    """`ids[key]` is the id of a key; empty where the user was erased."""

    entity: str
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> pd.Index[str]:
        # an index wants each value once: an erased id, of which there may be many, gives way to its
        # own number
        return pd.Index([name or key for key, name in enumerate(self.ids)], dtype=object)

    def keys(self, ids: Sequence[str]) -> Keys:
        """Keys of ids, `[n] int32`; -1 where an id has none."""
        found: Keys = self._index.get_indexer(pd.Index(list(ids), dtype=object)).astype(np.int32)
        return found

    def names(self, keys: Sequence[int] | Keys) -> list[str]:
        """Ids of `keys [n] int32`."""
        return [self.ids[key] for key in keys]


def read_ids(lake: Lake, entity: str) -> IdMap:
    """The newest map of an entity; empty when there is none yet. Raises ArtifactError when it is
    broken or forked.
    """
    return _open(lake, entity, lake.newest(KIND, entity))


def extend_ids(lake: Lake, entity: str, ids: Sequence[str]) -> IdMap:
    """Give every id a key, new ones at the end in sorted order; a no-op when all are known.

    Any number of processes may extend one map at once: each version takes the slot after its
    parent's, and who finds it taken goes on from the version that has it. Raises DataError when an
    id is empty or longer than 256 bytes of UTF-8, ArtifactError when the map is broken or forked.
    """
    for _ in range(ATTEMPTS):
        slot, newest = lake.head(KIND, entity)
        known = _open(lake, entity, newest)
        new = set(ids)
        new.difference_update(known.ids)
        if not new:
            return known
        fresh = sorted(new)
        _refuse_bad(entity, fresh)
        try:
            return _append(lake, known, fresh, slot, newest)
        except SlotTaken:
            continue
    raise TransientError(
        expected=f"a turn to extend the ids of {entity}",
        found=f"{ATTEMPTS} times another process was faster",
        where=f"{lake.root}/{KIND}/{entity}",
        remedy="see which nights run at once; the task is retried",
    )


def _append(
    lake: Lake, known: IdMap, fresh: Sequence[str], slot: int, parent: Artifact | None
) -> IdMap:
    extended = IdMap(known.entity, (*known.ids, *fresh))
    inputs = {PARENT: parent.reference if parent else "", "known": str(len(known))}
    with lake.writing(KIND, known.entity, inputs=inputs, slot=slot) as draft:
        pq.write_table(pa.table({"id": pa.array(extended.ids, pa.string())}), draft.path / FILE)
        draft.rows = len(extended)
    _verified.add(_seen(draft.finished.path / FILE))  # a longer tuple of what was verified
    return extended


def _refuse_bad(entity: str, ids: Sequence[str]) -> None:
    bad = [i[:40] for i in ids if not i or len(i.encode()) > MAX_ID_BYTES]
    if bad:
        raise DataError(
            expected=f"{entity} ids of 1 to {MAX_ID_BYTES} bytes",
            found=f"{len(bad)} outside: {offenders(bad)}",
            where=f"ids of {entity}",
            remedy="shorten or hash these ids at the source",
        )


# --- verified when opened ------------------------------------------------------------------------

_verified: set[tuple[str, int, int]] = set()
"""Files that this process has verified, or written itself: path, size, time of change."""


def _seen(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return str(path), state.st_size, state.st_mtime_ns


def _open(lake: Lake, entity: str, artifact: Artifact | None) -> IdMap:
    if artifact is None:
        return IdMap(entity, ())
    column = read_column(artifact)
    seen = _seen(artifact.path / FILE)
    if seen not in _verified:
        _verify(lake, artifact, column)
        _verified.add(seen)
    return IdMap(entity, tuple(column.to_pylist()))


def read_column(artifact: Artifact) -> pa.ChunkedArray:
    """The ids of one version of a map. Raises DamagedArtifact when the file is not the one that was
    written.
    """
    try:
        return pq.read_table(artifact.file(FILE), columns=["id"])["id"]
    except ArtifactError as error:
        raise _broken(error.expected, error.found, artifact.path / FILE) from error
    except (pa.ArrowException, OSError) as error:
        raise _broken(
            "a Parquet file with a column id", str(error)[:200], artifact.path / FILE
        ) from error


def _verify(lake: Lake, artifact: Artifact, column: pa.ChunkedArray) -> None:
    """Raises ArtifactError unless the map holds what it says, each id once, and goes on from the
    version before.
    """
    path, named = (
        artifact.path / FILE,
        len(column) - pc.sum(pc.equal(column, "")).as_py() if len(column) else 0,
    )
    if len(column) != artifact.rows or column.null_count:
        raise _broken(f"{artifact.rows} ids", f"{len(column) - column.null_count}", path)
    distinct = pc.count_distinct(column).as_py() - (named < len(column))
    if distinct != named:
        raise _broken(
            "every id once", f"{named - distinct} keys whose id has another key, too", path
        )
    parent = version_before(lake, artifact)
    if parent is None:
        return
    clashes = changed_keys(read_column(parent), column)
    lost = max(0, parent.rows - artifact.rows)
    if (
        len(clashes)
        or lost
        or artifact.manifest["inputs"].get(PARENT, parent.reference) != parent.reference
    ):
        made_from = artifact.manifest["inputs"].get(PARENT, "a version before both")
        raise _broken(
            f"a map that begins with the {parent.rows} ids of {parent.reference}",
            f"made from {made_from}: {len(clashes)} keys of another {artifact.key[:-1]}, {lost}"
            " keys lost",
            path,
        )


def version_before(lake: Lake, artifact: Artifact) -> Artifact | None:
    """The version of the same map that is kept before this one, or None."""
    older = [
        other
        for other in lake.versions(artifact.kind, artifact.key)
        if other.version < artifact.version
    ]
    return older[-1] if older else None


def changed_keys(older: pa.ChunkedArray, newer: pa.ChunkedArray) -> Keys:
    """Keys `[c] int32`, ascending, that two versions of a map give to different ids.

    An empty id, of an erased user, differs from none.
    """
    n = min(len(older), len(newer))
    before, after = older.slice(0, n), newer.slice(0, n)
    differs = pc.and_(
        pc.not_equal(before, after), pc.and_(pc.not_equal(before, ""), pc.not_equal(after, ""))
    )
    keys: Keys = np.flatnonzero(differs.to_numpy()).astype(np.int32)
    return keys


def _broken(expected: str, found: str, path: Path) -> DamagedArtifact:
    return DamagedArtifact(
        expected=expected,
        found=found,
        where=str(path),
        remedy="recsys doctor --deep (what is wrong because of it), then recsys repair-ids",
    )
