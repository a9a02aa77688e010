"""Nearest items of every item: exact, in blocks of one matrix product each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.ids import Keys
from recsys_tasks.serving.load import SIMILAR_SCHEMA

BLOCK_FLOATS = 32_000_000  # 128 MB of similarities at once


def similar_items(
    item_keys: Keys, vectors: npt.NDArray[np.float32], eligible: npt.NDArray[np.bool_], size: int
) -> pa.Table:
    """Rows for `load_similar`: the `size` nearest eligible items of every item, by cosine, best first.

    `item_keys: [m] int32`, `vectors: [m, d] float32` row by row; `eligible: [n_items] bool` by item key: only
    such items are named as neighbours. An item is never its own neighbour. Ties: the smaller item key.
    """
    keep = eligible[item_keys]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12).astype(np.float32)
    target_keys, targets = item_keys[keep], np.ascontiguousarray(unit[keep])
    size = min(size, len(target_keys) - 1)
    if size < 1:
        return SIMILAR_SCHEMA.empty_table()
    step = max(1, BLOCK_FLOATS // len(target_keys))
    blocks = [
        _nearest(unit[start : start + step] @ targets.T, item_keys[start : start + step], target_keys, size)
        for start in range(0, len(item_keys), step)
    ]
    keys, scores = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    arrays = [pa.array(item_keys, pa.int32()), fixed_lists(keys, pa.int32()), fixed_lists(scores, pa.float32())]
    return pa.Table.from_arrays(arrays, schema=SIMILAR_SCHEMA)


def _nearest(
    similarity: npt.NDArray[np.float32], own: Keys, targets: Keys, size: int
) -> tuple[Keys, npt.NDArray[np.float32]]:
    """The `size` best columns of each row as item keys and scores, best first, the row's own item left out."""
    place = np.searchsorted(targets, own).clip(max=len(targets) - 1)
    rows = np.flatnonzero(targets[place] == own)
    similarity[rows, place[rows]] = -np.inf
    # One more than asked, so that a tie at the border is settled by key, as far as one place can.
    wide = min(size + 1, similarity.shape[1])
    top = np.argpartition(-similarity, wide - 1, axis=1)[:, :wide]
    score = np.take_along_axis(similarity, top, axis=1)
    order = np.lexsort((targets[top], -score), axis=1)[:, :size]
    keys: Keys = targets[np.take_along_axis(top, order, axis=1)].astype(np.int32)
    return keys, np.take_along_axis(score, order, axis=1).clip(-1.0, 1.0)


def fixed_lists(values: npt.NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    """A `[n, s]` array as n lists of s values."""
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel(), kind))
