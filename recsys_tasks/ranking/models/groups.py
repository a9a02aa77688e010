"""Lists laid out as rows: `group [rows]` numbers them, and equal numbers stand together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.signedinteger[Any]]


def runs(group: Ints) -> npt.NDArray[np.int64]:
    """Length of each run of equal numbers, in order: what a listwise trainer calls groups."""
    starts = (
        np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
        if len(group)
        else np.zeros(0, int)
    )
    return np.diff(np.append(starts, len(group))).astype(np.int64)


def ranked(score: Floats, group: Ints, item: Keys) -> npt.NDArray[np.int64]:
    """Row numbers, list after list, best first; ties by item key."""
    return np.lexsort((item, -score, group)).astype(np.int64)


def surviving(
    score: Floats, group: Ints, weight: npt.NDArray[np.float32], item: Keys, limit: int
) -> Bools:
    """`[rows]`: rows with fewer than `limit` candidates of their list ranked above them.

    A sampled row counts for the `weight` candidates that it stands for, so a sample is cut where
    the whole list would be.
    """
    order = ranked(score, group, item)
    sizes = runs(group[order])
    total = np.cumsum(weight[order], dtype=np.float64)
    before = total - weight[order]
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    keep = np.empty(len(score), bool)
    keep[order] = before - before[first] < limit - 1e-6
    return keep


def ndcg_at_10(score: Floats, label: Bools, group: Ints, item: Keys) -> float:
    """Mean NDCG@10 of the lists that hold a positive, ideal among their own rows; NaN without
    any.
    """
    order = ranked(score, group, item)
    sizes = runs(group[order])
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    which = np.repeat(np.arange(len(sizes)), sizes)
    gain = np.where(label[order] & (place < 10), 1.0 / np.log2(place + 2.0), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, 12)))])
    positives = np.bincount(which, weights=label[order].astype(float), minlength=len(sizes)).astype(
        int
    )
    told = positives > 0
    if not told.any():
        return float("nan")
    got = np.bincount(which, weights=gain, minlength=len(sizes))
    return float((got[told] / ideal[np.minimum(positives[told], 10)]).mean())
