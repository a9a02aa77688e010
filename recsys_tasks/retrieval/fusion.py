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
Ranks = npt.NDArray[np.int16]


def fuse(lists: Sequence[tuple[Keys, Floats]], weights: Sequence[float], c: int) -> tuple[Keys, Ranks, Floats]:
    """Union of g lists a user, cut to the c best by the sum of weight / (30 + rank).

    `lists`: per generator `[n, q_g]` items (best first, -1 pads, no duplicates in a row) and scores.
    Returns items `[n, c] int32`, ranks `[n, c, g] int16` and standardised scores `[n, c, g] float32`
    as `Candidates` documents them.
    """
    widths = [items.shape[1] for items, _ in lists]
    n, g = len(lists[0][0]), len(lists)
    generator = np.repeat(np.arange(g), widths)
    rank = np.concatenate([np.arange(w) for w in widths])
    votes = np.asarray(weights)[generator] / (RANK_OFFSET + rank)
    items = np.concatenate([items for items, _ in lists], axis=1)
    scores = np.concatenate([_standardised(*pair) for pair in lists], axis=1)
    packed = np.where(items >= 0, items.astype(np.int64) << 16 | np.arange(len(rank)), _PAD)
    packed.sort(axis=1)
    inside = packed < _PAD
    rows = np.broadcast_to(np.arange(n)[:, None], packed.shape)[inside]
    cells = packed[inside]
    place, item = cells & 0xFFFF, (cells >> 16).astype(np.int32)
    new = np.concatenate([[True], (item[1:] != item[:-1]) | (rows[1:] != rows[:-1])])[: len(item)]
    union = np.cumsum(new) - 1  # number of the (row, item) that a cell votes for
    total = np.bincount(union, weights=votes[place]).astype(np.float32)
    offsets = np.searchsorted(rows[new], np.arange(n + 1)).astype(np.int64)
    chosen, _ = top_ragged(offsets, item[new], total, c)
    target = _places(offsets, item[new], chosen)[union]
    kept = target >= 0
    ranks: Ranks = np.full((n, c, g), -1, np.int16)
    standard: Floats = np.zeros((n, c, g), np.float32)
    at = (rows[kept], target[kept], generator[place[kept]])
    ranks[at] = rank[place[kept]]
    standard[at] = scores[rows[kept], place[kept]]
    return chosen, ranks, standard


def _places(offsets: npt.NDArray[np.int64], items: Keys, chosen: Keys) -> npt.NDArray[np.int64]:
    """Column of `chosen [n, c]` that holds each ragged entry (rows sorted by item), -1 for none."""
    rows, columns = np.nonzero(chosen >= 0)
    entry = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    codes = entry << 32 | items
    found = np.searchsorted(codes, rows << 32 | chosen[rows, columns])
    places = np.full(len(items), -1, np.int64)
    places[found] = columns
    return places


def _standardised(items: Keys, scores: Floats) -> Floats:
    """Scores with mean 0 and deviation 1 over each row's entries, `[n, q]`; 0 where all are equal."""
    there = items >= 0
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    centred = np.where(there, scores - np.where(there, scores, 0).sum(axis=1, keepdims=True) / count, 0)
    deviation = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    result: Floats = (centred / np.where(deviation > 1e-9, deviation, np.inf)).astype(np.float32)
    return result
