"""Supplied vectors of items, read from a snapshot's table a block at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from recsys_tasks.arrays import Float32
from recsys_tasks.config import Attribute
from recsys_tasks.schema import vector_type

VECTOR_BLOCK = 8192
"""Rows of supplied vectors that are read from a file at once."""


def read_vectors(path: Path, attribute: Attribute, n_items: int) -> Float32:
    """`[n_items, dimensions] float32` by item key; NaN where an item has none, and everywhere where
    the table has no vectors of that name and size.
    """
    dimensions, start = attribute.dimensions or 0, 0
    vectors: Float32 = np.full((n_items, dimensions), np.nan, np.float32)
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if attribute.name not in names or file.schema_arrow.field(
            attribute.name
        ).type != vector_type(dimensions):
            return vectors
        for batch in file.iter_batches(VECTOR_BLOCK, columns=[attribute.name]):
            column = batch.column(0)
            rows = start + np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
            vectors[rows] = (
                column.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), dimensions)
            )
            start += batch.num_rows
    return vectors
