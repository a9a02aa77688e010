"""What a shard's lists hold, looked at and counted while they are sent: the server need not take
them apart again.

Asked in SQL, the entries of a million lists cost more than all other checks together. What is found
here stands in for the rows as long as the rows are the ones that were sent: each shard's come from
one transaction, whose number the server keeps with every row (`recsys.is_as_loaded`). One row
added, changed or deleted by another way, or one fault found here, and the checks ask the rows
themselves, as they do of a publication that was loaded by other means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks import schema
from recsys_tasks.kernels import kernel

LARGEST_KEY = 50_000_000
"""Counts are kept by item key; lists that name a larger key are left to the checks in SQL."""
SCHEMA = pa.schema([("item_key", pa.int32()), ("lists", pa.int32()), ("first_places", pa.int32())])

# Column → smallest and largest allowed value of an entry; a propensity may not be 0 either.
_BOUNDS: dict[str, tuple[float, float]] = {
    "items": (0, LARGEST_KEY - 1),
    "scores": (0, 1),
    "reasons": (0, len(schema.REASONS) - 1),
    "reason_items": (-np.inf, np.inf),
    "ranks_before": (-np.inf, np.inf),
    "propensities": (float(np.finfo(np.float32).smallest_subnormal), 1),
}
_Counts = npt.NDArray[np.int32]


@dataclass
class Evidence:
    """Counts of the lists that passed: by item `[keys]`, of lists that name it within k and that
    begin with it.
    """

    k: int
    spares: int
    clean: bool = True
    """Whether no list so far has a fault that the checks of a publication would find in the list by
    itself.
    """
    _lists: _Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    _firsts: _Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    _newest: _Counts = field(default_factory=lambda: np.zeros(0, np.int32))
    """The number, from 1, of the last list that named an item; 0: none did."""
    _rows: int = 0

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches (schema.LISTS), looked at on their way."""
        for batch in batches:
            self.clean = (
                self.clean
                and _within_bounds(batch)
                and self._lengths_are_right(batch)
                and self._count(batch)
            )
            yield batch

    def by_item(self) -> pa.RecordBatch:
        """SCHEMA, of every item that some list names, if only as a spare."""
        keys = np.flatnonzero(self._newest).astype(np.int32)
        return pa.record_batch([keys, self._lists[keys], self._firsts[keys]], schema=SCHEMA)

    def _lengths_are_right(self, batch: pa.RecordBatch) -> bool:
        """All arrays of a row alike, none longer than k + spares, and those below k say why."""
        lengths = _lengths(batch.column("items"))
        short = (lengths < self.k) & batch.column("short_reason").is_null().to_numpy(
            zero_copy_only=False
        )
        alike = all(np.array_equal(_lengths(batch.column(name)), lengths) for name in _BOUNDS)
        return alike and not short.any() and int(lengths.max(initial=0)) <= self.k + self.spares

    def _count(self, batch: pa.RecordBatch) -> bool:
        """Add the lists of a batch; False when one names an item twice."""
        lists = batch.column("items")
        items, ends = lists.flatten().to_numpy(), np.cumsum(_lengths(lists))
        self._make_room(int(items.max(initial=-1)) + 1)
        repeated = _count(items, ends, self.k, self._rows, self._lists, self._firsts, self._newest)
        self._rows += len(ends)
        return not repeated

    def _make_room(self, keys: int) -> None:
        if keys > len(self._lists):
            more = max(keys, 2 * len(self._lists)) - len(self._lists)
            self._lists, self._firsts, self._newest = (
                np.pad(counts, (0, more)) for counts in (self._lists, self._firsts, self._newest)
            )


def _within_bounds(batch: pa.RecordBatch) -> bool:
    """No null, no NaN and no value outside its bounds in any array, and no unknown rung."""
    rungs, known = batch.column("rung"), {"sources": (0, schema.all_sources())}
    return _between(rungs, 0, len(schema.RUNGS) - 1) and all(
        not batch.column(name).null_count and _between(batch.column(name).flatten(), *bounds)
        for name, bounds in {**_BOUNDS, **known}.items()
    )


def _between(values: pa.Array, smallest: float, largest: float) -> bool:
    if values.null_count:
        return False
    numbers = values.to_numpy()
    return len(numbers) == 0 or bool(numbers.min() >= smallest and numbers.max() <= largest)


def _lengths(lists: pa.Array) -> npt.NDArray[np.int64]:
    return np.diff(lists.offsets.to_numpy()).astype(np.int64)


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
    """Add lists to the counts, in place; how many of them name an item twice. `rows` were counted
    before.
    """
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
