"""What a shard's lists hold, counted from the arrays while they are sent: the server need not take them apart again.

Asked in SQL, the entries of a million lists cost more than all other checks together. The counts stand in for the rows
as long as the rows are the ones that were sent: each shard's come from one transaction, whose number the server keeps
with every row (`recsys.repeated_as_loaded`). One row added, changed or deleted by another way: the checks count anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.kernels import kernel

LARGEST_KEY = 50_000_000
"""Counts are kept by item key; lists that name a larger key, or a negative one, are left to the checks in SQL."""
SCHEMA = pa.schema([("item_key", pa.int32()), ("lists", pa.int32()), ("first_places", pa.int32())])

_Counts = npt.NDArray[np.int32]


@dataclass
class Evidence:
    """Counts of the lists that passed: by item `[keys]`, of lists that name it within k and that begin with it."""

    k: int
    repeated_lists: int = 0
    known: bool = True
    """Whether every list could be counted."""
    _lists: _Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    _firsts: _Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    _newest: _Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    """The number, from 1, of the last list that named an item; 0: none did."""
    _rows: int = 0

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, counted on their way."""
        for batch in batches:
            if self.known:
                self._count(batch.column("items"))
            yield batch

    def by_item(self) -> pa.RecordBatch:
        """SCHEMA, of every item that some list names, if only as a spare."""
        keys = np.flatnonzero(self._newest).astype(np.int32)
        return pa.record_batch([keys, self._lists[keys], self._firsts[keys]], schema=SCHEMA)

    def _count(self, lists: pa.Array) -> None:
        if lists.null_count or lists.flatten().null_count:
            self.known = False
            return
        items, ends = lists.flatten().to_numpy(), np.cumsum(np.diff(lists.offsets.to_numpy()))
        if len(items) and (items.min() < 0 or items.max() >= LARGEST_KEY):
            self.known = False
            return
        self._make_room(int(items.max(initial=-1)) + 1)
        counts = (self._lists, self._firsts, self._newest)
        self.repeated_lists += _count(items, ends.astype(np.int64), self.k, self._rows, *counts)
        self._rows += len(ends)

    def _make_room(self, keys: int) -> None:
        if keys > len(self._lists):
            more = max(keys, 2 * len(self._lists)) - len(self._lists)
            self._lists, self._firsts, self._newest = (
                np.pad(counts, (0, more)) for counts in (self._lists, self._firsts, self._newest)
            )


@kernel
def _count(
    items: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int64],
    k: int,
    rows: int,
    lists: _Counts,
    firsts: _Counts,
    newest: _Counts,
) -> int:
    """Add lists to the counts, in place; how many of them name an item twice. `rows` were counted before."""
    repeated, start = 0, 0
    for row in range(len(ends)):
        twice = False
        for at in range(start, ends[row]):
            item = items[at]
            twice |= newest[item] == rows + row + 1
            newest[item] = rows + row + 1
            if at - start < k:
                lists[item] += 1
        if ends[row] > start:
            firsts[items[start]] += 1
        start = ends[row]
        repeated += twice
    return repeated
