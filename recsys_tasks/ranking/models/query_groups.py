"""Query groups, as learning to rank calls one user's candidates in one window: their sizes, their
order, the light cut and NDCG.

Groups are laid out as rows: `group [rows]` numbers them, and equal numbers stand together.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import AnyInt, Bool, Float32, Float64, Int64
from recsys_tasks.ids import Keys


def group_sizes(group: AnyInt) -> Int64:
    """`[groups] int64`: length of each run of equal numbers of `group [rows]`, in order: what
    LightGBM takes as `group`.
    """
    starts = (
        np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
        if len(group)
        else np.zeros(0, int)
    )
    return np.diff(np.append(starts, len(group))).astype(np.int64)


def best_first(score: Float64, group: AnyInt, item: Keys) -> Int64:
    """`[rows] int64`: row numbers, list after list, best `score [rows]` first; ties by item key."""
    return np.lexsort((item, -score, group)).astype(np.int64)


def surviving(score: Float64, group: AnyInt, weight: Float32, item: Keys, limit: int) -> Bool:
    """`[rows]`: rows with fewer than `limit` candidates of their list ranked above them.

    A sampled row counts for the `weight` candidates that it stands for, so a sample is cut where
    the whole list would be.
    """
    order = best_first(score, group, item)
    sizes = group_sizes(group[order])
    total = np.cumsum(weight[order], dtype=np.float64)
    before = total - weight[order]
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    keep = np.empty(len(score), bool)
    keep[order] = before - before[first] < limit - 1e-6
    return keep


def ndcg_at_10(score: Float64, label: Bool, group: AnyInt, item: Keys) -> float:
    """Mean NDCG@10 of the lists that hold a positive, ideal among their own rows; NaN without any.

    `score`, `label`, `group`, `item`: `[rows]`. Järvelin and Kekäläinen 2002, "Cumulated gain-based
    evaluation of IR techniques", with gains 0 and 1.
    """
    order = best_first(score, group, item)
    sizes = group_sizes(group[order])
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    which = np.repeat(np.arange(len(sizes)), sizes)
    gain = np.where(label[order] & (rank < 10), 1.0 / np.log2(rank + 2.0), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, 12)))])
    positives = np.bincount(which, weights=label[order].astype(float), minlength=len(sizes)).astype(
        int
    )
    judged = positives > 0
    if not judged.any():
        return float("nan")
    got = np.bincount(which, weights=gain, minlength=len(sizes))
    return float((got[judged] / ideal[np.minimum(positives[judged], 10)]).mean())
