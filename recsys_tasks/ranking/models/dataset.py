"""LightGBM's own table, filled a batch at a time: it holds a byte a value, and the float32 matrix
stays on disk.
"""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np

from recsys_tasks.arrays import AnyArray, Float32, Float64
from recsys_tasks.ranking.models.rows import BATCH_ROWS, Rows


class _Batches(lgb.Sequence):  # LightGBM's interface for tables larger than memory
    def __init__(self, rows: Rows) -> None:
        self.batch_size = BATCH_ROWS
        self._rows = rows
        self._read: tuple[int, Float32] = (0, rows.read(0, 0))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> AnyArray:
        if isinstance(index, slice):
            return self._rows.read(index.start, index.stop)
        return self._one(int(index))

    def _one(self, index: int) -> Float64:
        """A row of the sample that bins are drawn from: asked for in ascending order, so a batch
        serves many.
        """
        start, batch = self._read
        if not start <= index < start + len(batch):
            start = index // self.batch_size * self.batch_size
            batch = self._rows.read(start, min(start + self.batch_size, len(self)))
            self._read = (start, batch)
        return batch[index - start].astype(np.float64)


def dataset(rows: Rows, label: AnyArray, **fields: Any) -> lgb.Dataset:
    """What `lgb.train` learns from: rows and their `label [rows]`; the bins are those of the whole
    matrix. `fields`: weight `[rows]` or group `[groups]`, as LightGBM takes them.
    """
    return lgb.Dataset(_Batches(rows), label.astype(np.float32), params={"verbose": -1}, **fields)
