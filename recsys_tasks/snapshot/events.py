"""Interactions as parallel arrays, read from one file a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.ids import Keys
from recsys_tasks.snapshot.taken_back import Rows, without_rows

Columns = dict[str, npt.NDArray[Any]]
ORDER = ("user_key", "ts", "item_key", "event")


@dataclass(frozen=True)
class Events:
    """Interactions as parallel arrays, sorted by user, time, item. `weight` is the event kind's."""

    user: Keys
    item: Keys
    ts: npt.NDArray[np.int64]
    event: npt.NDArray[np.int8]
    weight: npt.NDArray[np.float32]
    price: npt.NDArray[np.float32]
    quantity: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: npt.NDArray[np.bool_]) -> Events:
        """The rows where `mask [n] bool` is true, in the same order."""
        return Events(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))

    def before(self, ts: int) -> Events:
        """Rows strictly before a second."""
        earlier = self.ts < ts
        return self if earlier.all() else self.where(earlier)

    def between(self, start: int, end: int) -> Events:
        """Rows in [start, end)."""
        return self.where((self.ts >= start) & (self.ts < end))

    def of_kinds(self, codes: Iterable[int]) -> Events:
        """Rows of these event codes."""
        return self.where(np.isin(self.event, list(codes)))

    def offsets(self, n_users: int) -> npt.NDArray[np.int64]:
        """`[n_users + 1]`: rows of user key u are [offsets[u], offsets[u + 1])."""
        return np.searchsorted(self.user, np.arange(n_users + 1)).astype(np.int64)


def read_events(
    files: Sequence[str], weights: tuple[float, ...], gone: Sequence[Rows] | None = None
) -> Events:
    """Events of some days' files, given in the order of time, but for the rows `gone` of each
    file. Raises SchemaError.
    """
    return _sorted_events(_columns_of(files, gone), weights)


def _columns_of(files: Sequence[str], gone: Sequence[Rows] | None) -> Columns:
    """The files' EVENTS columns, one file after another, each let go as soon as it is read. Raises
    SchemaError.
    """
    gone = [np.empty(0, np.int64)] * len(files) if gone is None else gone
    rows = [
        pq.read_metadata(file).num_rows - len(some) for file, some in zip(files, gone, strict=True)
    ]
    columns = {
        field.name: np.empty(sum(rows), field.type.to_pandas_dtype())
        for field in schema.EVENTS.schema
    }
    for end, n, file, some in zip(accumulate(rows), rows, files, gone, strict=True):
        table = without_rows(schema.EVENTS.check(_read(file), file), some)
        for name, column in columns.items():
            column[end - n : end] = table[name].to_numpy()
    return columns


def _sorted_events(columns: Columns, weights: tuple[float, ...]) -> Events:
    """EVENTS columns as arrays sorted by user, time, item, event; each is let go once it is in
    order.

    Days come in the order of time, and each is stored in this order: what is left to do is to bring
    the rows of a user together, a merge of as many sorted runs as there are days, in a seventh of
    the time of a whole sort.
    """
    _put_in_order(columns, np.argsort(columns["user_key"], kind="stable"))
    if not _sorted_by(*(columns[name] for name in ORDER)):
        _put_in_order(columns, np.lexsort([columns[name] for name in reversed(ORDER)]))
    user, item, ts, event, price, quantity = (columns[name] for name in schema.EVENTS.schema.names)
    return Events(user, item, ts, event, np.asarray(weights, np.float32)[event], price, quantity)


def _put_in_order(columns: Columns, order: npt.NDArray[np.intp]) -> None:
    for name in columns:
        columns[name] = columns[name][order]


def _sorted_by(*columns: npt.NDArray[Any]) -> bool:
    """Whether no row comes before the one above it, by the first column, then by the second, and so
    on.
    """
    tied = np.ones(max(len(columns[0]) - 1, 0), np.bool_)
    for column in columns:
        above, below = column[:-1], column[1:]
        if (tied & (above > below)).any():
            return False
        tied &= above == below
    return True


def _read(file: str) -> pa.Table:
    """One small file. A year has hundreds: `read_table` makes a data set of each, which takes
    longer than the rows.
    """
    with pq.ParquetFile(file) as opened:
        return opened.read()
