"""Ids are text; keys are int32. One append-only map per entity: a key is never reused or moved.

The map is an artifact (`ids/users`, `ids/items`): row number = key. A later version starts with
all rows of the one before it, so arrays indexed by key stay valid for ever. The key of an erased user
stays taken, its text is empty: no id is empty, so it names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.errors import DataError, offenders
from recsys_tasks.lake import Lake

MAX_ID_BYTES = 256
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
        # an index wants each value once: an erased id, of which there may be many, gives way to its own number
        return pd.Index([name or key for key, name in enumerate(self.ids)], dtype=object)

    def keys(self, ids: Sequence[str]) -> Keys:
        """Keys of ids, `[n] int32`; -1 where an id has none."""
        found: Keys = self._index.get_indexer(pd.Index(list(ids), dtype=object)).astype(np.int32)
        return found

    def names(self, keys: Sequence[int] | Keys) -> list[str]:
        """Ids of keys."""
        return [self.ids[key] for key in keys]


def read_ids(lake: Lake, entity: str) -> IdMap:
    """The newest map of an entity; empty when there is none yet."""
    artifact = lake.newest("ids", entity)
    if artifact is None:
        return IdMap(entity, ())
    column = pq.read_table(artifact.file("ids.parquet"))["id"]
    return IdMap(entity, tuple(column.to_pylist()))


def extend_ids(lake: Lake, entity: str, ids: Sequence[str]) -> IdMap:
    """Give every id a key, new ones at the end in sorted order; a no-op when all are known.

    Raises DataError when an id is empty or longer than 256 bytes of UTF-8.
    """
    known = read_ids(lake, entity)
    fresh = sorted(set(ids) - set(known.ids))
    if not fresh:
        return known
    bad = [i[:40] for i in fresh if not i or len(i.encode()) > MAX_ID_BYTES]
    if bad:
        raise DataError(
            expected=f"{entity} ids of 1 to {MAX_ID_BYTES} bytes",
            found=f"{len(bad)} outside: {offenders(bad)}",
            where=f"ids of {entity}",
            remedy="shorten or hash these ids at the source",
        )
    extended = IdMap(entity, (*known.ids, *fresh))
    with lake.writing("ids", entity, inputs={"last": fresh[-1], "known": str(len(known))}) as draft:
        pq.write_table(pa.table({"id": pa.array(extended.ids, pa.string())}), draft.path / "ids.parquet")
        draft.rows = len(extended)
    return extended
