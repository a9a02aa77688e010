"""Kernels: vectors of the items of a user's history, and bringing vectors into the processor's
cache.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Float32, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import CACHE_LINE, kernel


@kernel
def read_history(
    history: Keys, item_row: Int32, vectors: Float32, past: Float32, kept: Int32
) -> int:
    """Vectors of those items of `history [L]` (-1 pads) that have one into `past [L, d]`, and their
    keys into `kept [L]`, in the history's order; returns how many they are.

    `item_row [n_items]`: an item's row of `vectors [m, d]`, -1 for none.
    """
    known = 0
    for h in range(len(history)):
        if history[h] >= 0 and item_row[history[h]] >= 0:
            past[known] = vectors[item_row[history[h]]]
            kept[known] = history[h]
            known += 1
    return known


@kernel
def touch_vectors(items: Keys, item_row: Int32, vectors: Float32) -> np.float32:
    """Read one number of every cache line of the items' vectors: `items [n]`, `item_row [n_items]`
    and `vectors [m, d]` as in `read_history`.

    Where nothing else is done, many lines are on their way from memory at once; the computation
    that follows finds them in the cache. The sum that is returned only keeps the compiler from
    leaving the reads out: its caller must write it somewhere.
    """
    total = np.float32(0.0)
    for r in range(len(items)):
        at = max(item_row[items[r]], 0)
        for d in range(0, vectors.shape[1], CACHE_LINE):
            total += vectors[at, d]
    return total
