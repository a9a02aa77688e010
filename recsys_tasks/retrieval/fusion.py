"""Lists of several generators into one: reciprocal-rank fusion that keeps who named what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.select import Floats, top_ragged

RANK_OFFSET = 30.0
"""Cormack, Clarke and Büttcher (2009) use 60; a smaller offset trusts the first ranks more."""
_PAD = np.int64(2**62)
_BITS = 16
_PLACE = np.int64(2**_BITS - 1)
Ranks = npt.NDArray[np.int16]


def fuse(lists: Sequence[tuple[Keys, Floats]], weights: Sequence[float], c: int) -> tuple[Keys, Ranks, Floats]:
    """Union of g lists a user, cut to the c best by the sum of weight / (30 + rank).

    `lists`: per generator `[n, q_g]` items (best first, -1 pads, no duplicates in a row) and scores.
    Returns items `[n, c] int32`, ranks `[n, c, g] int16` and standardised scores `[n, c, g] float32`
    as `Candidates` documents them.
    """
    widths = [items.shape[1] for items, _ in lists]
    n, g, width = len(lists[0][0]), len(lists), sum(widths)
    generator = np.repeat(np.arange(g), widths)
    rank = np.concatenate([np.arange(w) for w in widths])
    votes = np.asarray(weights)[generator] / (RANK_OFFSET + rank)
    cells = _sorted_cells(np.concatenate([items for items, _ in lists], axis=1))
    sizes = (cells < _PAD).sum(axis=1)
    rows = np.repeat(np.arange(n), sizes)
    cells = cells[cells < _PAD]
    place, item = cells & _PLACE, (cells >> _BITS).astype(np.int32)
    new = np.ones(len(item), bool)
    new[1:] = (item[1:] != item[:-1]) | (rows[1:] != rows[:-1])
    union = np.cumsum(new) - 1  # number of the (row, item) that a cell votes for
    total = np.bincount(union, weights=votes[place]).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows[new], minlength=n))])
    chosen, column = _cut(offsets, total, c)
    kept = column[union] >= 0
    at = (rows[kept] * c + column[union[kept]]) * g + generator[place[kept]]
    ranks: Ranks = np.full(n * c * g, -1, np.int16)
    standard: Floats = np.zeros(n * c * g, np.float32)
    ranks[at] = rank[place[kept]]
    scores = np.concatenate([_standardised(*pair) for pair in lists], axis=1)
    standard[at] = scores.ravel()[rows[kept] * width + place[kept]]
    items = np.where(chosen >= 0, item[new][np.maximum(chosen, 0)], -1) if len(item) else chosen
    return items.astype(np.int32), ranks.reshape(n, c, g), standard.reshape(n, c, g)


def _sorted_cells(items: Keys) -> npt.NDArray[np.int64]:
    """Item and place packed into one integer, sorted in each row: equal items stand together."""
    packed = np.where(items >= 0, items.astype(np.int64) << _BITS | np.arange(items.shape[1]), _PAD)
    packed.sort(axis=1)
    return packed


def _cut(offsets: npt.NDArray[np.int64], total: Floats, c: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The c best entries of each ragged row, and the column that each entry got.

    Entries of a row are in item order, so ties by place in the row are ties by item. Returns entry
    numbers `[n, c]` and columns `[len(total)]`, -1 for none.
    """
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    within = (np.arange(len(total)) - offsets[rows]).astype(np.int32)
    local, _ = top_ragged(offsets, within, total, c)
    chosen = np.where(local >= 0, local + offsets[:-1, None], -1)
    column = np.full(len(total), -1, np.int64)
    row, place = np.nonzero(chosen >= 0)
    column[chosen[row, place]] = place
    return chosen, column


def _standardised(items: Keys, scores: Floats) -> Floats:
    """Scores with mean 0 and deviation 1 over each row's entries, `[n, q]`; 0 where all are equal."""
    there = items >= 0
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    wide = scores.astype(np.float64)
    centred = np.where(there, wide - np.where(there, wide, 0).sum(axis=1, keepdims=True) / count, 0)
    deviation = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0)
    result: Floats = (centred / np.where(deviation > 1e-6 * largest, deviation, np.inf)).astype(np.float32)
    return result
