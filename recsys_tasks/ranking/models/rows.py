"""Chosen rows and columns of a matrix on disk, read a batch at a time: training never holds them
whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys_tasks.arrays import AnyArray, Bool, Float32, Int64
from recsys_tasks.kernels import forget_pages

BATCH_ROWS = 1 << 17
"""Rows read at once: some tens of megabytes."""


@dataclass(frozen=True)
class Rows:
    """`X[rows][:, columns]` of `X [r, f] float32`, which may be memory-mapped. `rows` ascend."""

    X: Float32
    rows: Int64
    columns: Int64 | None = None
    """Columns taken, in this order; None takes all."""

    @classmethod
    def where(cls, X: Float32, mask: Bool, columns: Sequence[int] | None = None) -> Self:
        """The rows of `X [r, f]` where `mask [r]` is true."""
        return cls(
            X, np.flatnonzero(mask), None if columns is None else np.array(columns, np.int64)
        )

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, start: int, stop: int) -> Float32:
        """`[stop - start, columns] float32`: rows [start, stop) of these; the pages they were read
        from are given back.
        """
        values = self.X[self.rows[start:stop]]
        forget_pages(self.X)
        return values if self.columns is None else np.ascontiguousarray(values[:, self.columns])

    def batches(self) -> Iterator[Float32]:
        """All of them, in order, `[BATCH_ROWS, columns]` at a time."""
        for start in range(0, len(self), BATCH_ROWS):
            yield self.read(start, min(start + BATCH_ROWS, len(self)))

    def map(self, work: Callable[[Float32], AnyArray]) -> AnyArray:
        """`[rows, ...]`: what `work` makes of each batch, one after another; of no rows, what it
        makes of none.
        """
        return np.concatenate([work(batch) for batch in self.batches()] or [work(self.read(0, 0))])
