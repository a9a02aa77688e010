"""Features, written once and opened as memory-mapped arrays: by key for users and items, ragged for
pairs and segments.

The rows stand beside the arrays as Parquet, as the engine wrote them, for people and other engines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.features.pairs import fill_pairs
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PairTable:
    """Features of user-item pairs with history, or of segments and their items.

    User (or segment) u's pairs are [offsets[u], offsets[u + 1]) of `items [p] int32` (ascending)
    and `values [p, fp] float32`.
    """

    offsets: Longs
    items: Keys
    values: Floats

    def gather(self, user_keys: Keys, item_keys: Keys) -> Floats:
        """Features of the pairs (user_keys[r], item_keys[r]), `[r, fp] float32`; NaN without
        history.
        """
        out: Floats = np.empty((len(user_keys), self.values.shape[1]), np.float32)
        self.fill(user_keys, item_keys, out)
        return out

    def fill(self, user_keys: Keys, item_keys: Keys, out: Floats) -> None:
        """Write what `gather` returns into `out [r, fp] float32`."""
        fill_pairs(
            self.offsets, self.items, np.ascontiguousarray(self.values), user_keys, item_keys, out
        )


@dataclass(frozen=True)
class SegmentTable:
    """Features of a user's segment and an item. `of_user [n_users] int32`: segment numbers, 0 for
    none.
    """

    of_user: Keys
    pairs: PairTable

    def segments(self, user_keys: Keys) -> Keys:
        """Segments of users, `[n] int32`; a user newer than the table is in segment 0."""
        known = user_keys < len(self.of_user)
        return np.where(known, self.of_user[np.where(known, user_keys, 0)], 0).astype(np.int32)

    def fill(self, user_keys: Keys, item_keys: Keys, out: Floats) -> None:
        """Write the features of each user's segment and item into `out [r, fs] float32`, by search:
        where there are no `places`.
        """
        self.pairs.fill(self.segments(user_keys), item_keys, out)

    @cached_property
    def places(self) -> npt.NDArray[np.int32] | None:
        """`[segments, m]`: row of each pair's values, -1 for none; None where that would be too
        large to keep.

        Nearly every item has a row in every segment, so a search among them would take as many
        steps as an item key has bits, for each candidate.
        """
        offsets, items = self.pairs.offsets, self.pairs.items
        width = int(items.max(initial=-1)) + 1
        if (len(offsets) - 1) * width > MAX_PLACES:
            return None
        places: npt.NDArray[np.int32] = np.full((len(offsets) - 1, width), -1, np.int32)
        places[np.repeat(np.arange(len(places)), np.diff(offsets)), items] = np.arange(len(items))
        return places


MAX_PLACES = 20_000_000
"""Segments times items (80 MB)."""


@dataclass(frozen=True)
class FeatureTables:
    """`user`: `[n_users, fu]`, `item`: `[n_items, fi]`, float32 by key, NaN where a key has no
    row.
    """

    user: Floats
    item: Floats
    pair: PairTable
    user_names: tuple[str, ...]
    item_names: tuple[str, ...]
    pair_names: tuple[str, ...]
    segment: SegmentTable | None = None
    """None where the shop declares no segments."""
    segment_names: tuple[str, ...] = ()

    @classmethod
    def open(cls, artifact: Artifact) -> FeatureTables:
        """Memory-map a `features` artifact. Raises ArtifactError when a file is missing."""
        names = {
            family: tuple(json.loads(artifact.file(f"{family}.json").read_text()))
            for family in _FAMILIES
        }
        values = {
            family: _mapped(artifact, f"{family}.f32", np.float32, len(names[family]))
            for family in _FAMILIES
        }
        pairs = {
            family: PairTable(
                np.load(artifact.file(f"{family}_offsets.npy"), mmap_mode="r"),
                _mapped(artifact, f"{family}_items.i32", np.int32),
                values[family],
            )
            for family in RAGGED
        }
        of_user = _mapped(artifact, "user_segment.i32", np.int32)
        return cls(
            user=values["user"],
            item=values["item"],
            pair=pairs["pair"],
            segment=SegmentTable(of_user, pairs["segment"]) if names["segment"] else None,
            user_names=names["user"],
            item_names=names["item"],
            pair_names=names["pair"],
            segment_names=names["segment"],
        )


RAGGED: dict[str, str] = {"pair": "user", "segment": "segment"}
"""Families with a row per item of something, and what that something is."""
_FAMILIES = ("user", "item", *RAGGED)


def _mapped(artifact: Artifact, name: str, kind: Any, width: int | None = None) -> npt.NDArray[Any]:
    """`[rows]`, or `[rows, width]`, of a flat file; an empty file is an empty array."""
    path = artifact.file(name)
    flat: npt.NDArray[Any] = (
        np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)
    )
    return flat if width is None else flat.reshape(-1, width) if width else np.empty((0, 0), kind)


BATCH_ROWS = 500_000


class TableWriter:
    """Turns one family's Parquet rows, which are sorted by key, into arrays beside them, a batch at
    a time.

    `sizes`: how many user keys, item keys and segments there are.
    """

    def __init__(
        self, folder: Path, family: str, keys: Sequence[str], sizes: Mapping[str, int]
    ) -> None:
        self.rows = 0
        self.names: tuple[str, ...] = ()
        self._folder, self._family, self._keys, self._sizes = folder, family, keys, sizes
        self._values = (folder / f"{family}.f32").open("wb")
        self._items = (folder / f"{family}_items.i32").open("wb") if family in RAGGED else None
        self._counts = np.zeros(sizes[RAGGED.get(family, family)], np.int64)

    def __enter__(self) -> Self:
        return self

    def copy(self, rows: Path) -> None:
        """Read the rows: key columns, then features."""
        file = pq.ParquetFile(rows)
        self.names = tuple(name for name in file.schema_arrow.names if name not in self._keys)
        (self._folder / f"{self._family}.json").write_text(json.dumps(self.names))
        for batch in file.iter_batches(BATCH_ROWS):
            self._write(batch)

    def _write(self, batch: pa.RecordBatch) -> None:
        values: Floats = np.empty((batch.num_rows, len(self.names)), np.float32)
        for column, name in enumerate(self.names):
            values[:, column] = batch[name].to_numpy(zero_copy_only=False)
        keys = batch[self._keys[0]].to_numpy()
        if self._items is None:
            self._pad(int(keys[0]) if len(keys) else self._filled)
            values = _spread(keys - self._filled, values)
        else:
            batch[self._keys[1]].to_numpy().tofile(self._items)
            self._counts += np.bincount(keys, minlength=len(self._counts))
        values.tofile(self._values)
        self.rows += batch.num_rows

    @property
    def _filled(self) -> int:
        """Rows of a dense table so far, unknown keys included."""
        return self._values.tell() // (4 * max(len(self.names), 1))

    def _pad(self, key: int) -> None:
        np.full((max(key - self._filled, 0), len(self.names)), np.nan, np.float32).tofile(
            self._values
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._items is None:
            self._pad(self._sizes[self._family])
        else:
            self._items.close()
            np.save(
                self._folder / f"{self._family}_offsets.npy",
                np.concatenate([[0], np.cumsum(self._counts)]),
            )
        self._values.close()


def _spread(places: npt.NDArray[np.int32], values: Floats) -> Floats:
    """Rows at their places, NaN between them."""
    if not len(places):
        return values
    dense: Floats = np.full((int(places[-1]) + 1, values.shape[1]), np.nan, np.float32)
    dense[places] = values
    return dense
