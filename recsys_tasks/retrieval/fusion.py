"""Lists of several generators into one: reciprocal-rank fusion that keeps who named what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.retrieval.select import Bits, Cells, Floats, Longs, first_sorted, packed

RANK_OFFSET = 30.0
"""Cormack, Clarke and Büttcher (2009) use 60; a smaller offset trusts the first ranks more."""
Ranks = npt.NDArray[np.int16]
Doubles = npt.NDArray[np.float64]


def fuse(lists: Sequence[tuple[Keys, Floats]], weights: Sequence[float], c: int) -> tuple[Keys, Ranks, Floats]:
    """Union of g lists a user, cut to the c best by the sum of weight / (30 + rank).

    `lists`: per generator `[n, q_g]` items (best first, -1 pads, no duplicates in a row) and scores.
    Returns items `[n, c] int32`, ranks `[n, c, g] int16` and standardised scores `[n, c, g] float32`
    as `Candidates` documents them.
    """
    items = np.concatenate([items for items, _ in lists], axis=1)
    scores = np.concatenate([scores for _, scores in lists], axis=1)
    bounds = np.concatenate([[0], np.cumsum([items.shape[1] for items, _ in lists])]).astype(np.int64)
    return fuse_block(items, scores, bounds, np.asarray(weights, np.float64), c, int(items.max(initial=-1)) + 1)


def fuse_block(
    items: Keys, scores: Floats, bounds: Longs, weights: Doubles, c: int, n_items: int
) -> tuple[Keys, Ranks, Floats]:
    """The same for lists that stand side by side: generator g's are columns [bounds[g], bounds[g + 1])."""
    n, width, g = len(items), items.shape[1], len(weights)
    best: Keys = np.full((n, c), -1, np.int32)
    ranks: Ranks = np.full((n, c, g), -1, np.int16)
    standard: Floats = np.zeros((n, c, g), np.float32)
    totals: Floats = np.empty(width, np.float32)
    scratch = (
        np.full(n_items, -1, np.int32),
        np.empty(width),
        np.empty((width, g), np.int16),
        np.empty(g),
        np.empty(g),
    )
    cells = np.empty(width, np.uint64)
    worth = np.concatenate([w / (RANK_OFFSET + np.arange(q)) for w, q in zip(weights, np.diff(bounds), strict=True)])
    _fuse(items, scores, bounds, worth, best, ranks, standard, totals, totals.view(np.uint32), *scratch, cells)
    return best, ranks, standard


@kernel
def _fuse(
    items: Keys,
    scores: Floats,
    bounds: Longs,
    worth: Doubles,
    best: Keys,
    ranks: Ranks,
    standard: Floats,
    totals: Floats,
    total_bits: Bits,
    slot: npt.NDArray[np.int32],
    votes: Doubles,
    named: Ranks,
    mean: Doubles,
    deviation: Doubles,
    cells: Cells,
) -> None:
    """`slot [n_items]` holds each item's place in the row's union, -1 elsewhere, and is so again at the end.

    `worth`: what a place in each list is worth, list after list.
    """
    for row in range(len(items)):
        union = 0
        for g in range(len(bounds) - 1):
            start, stop = bounds[g], bounds[g + 1]
            mean[g], deviation[g] = _moments(items[row, start:stop], scores[row, start:stop])
            for rank in range(stop - start):
                item = items[row, start + rank]
                if item < 0:
                    continue
                at = slot[item]
                if at < 0:
                    at = slot[item] = union
                    votes[at] = 0.0
                    named[at] = -1
                    union += 1
                votes[at] += worth[bounds[g] + rank]
                named[at, g] = rank
        _choose(items[row], slot, votes, totals, total_bits, cells, union, best[row])
        for place in range(best.shape[1]):
            if best[row, place] < 0:
                break
            at = slot[best[row, place]]
            _say(named[at], scores[row], bounds, mean, deviation, ranks[row, place], standard[row, place])
        for at in range(items.shape[1]):
            if items[row, at] >= 0:
                slot[items[row, at]] = -1


@kernel
def _say(
    named: Ranks, scores: Floats, bounds: Longs, mean: Doubles, deviation: Doubles, ranks: Ranks, standard: Floats
) -> None:
    """Ranks and standardised scores of one item, by the generators that named it."""
    for g in range(len(named)):
        if named[g] >= 0:
            ranks[g] = named[g]
            if deviation[g] > 0:
                standard[g] = (np.float64(scores[bounds[g] + named[g]]) - mean[g]) / deviation[g]


@kernel
def _choose(
    items: Keys,
    slot: npt.NDArray[np.int32],
    votes: Doubles,
    totals: Floats,
    total_bits: Bits,
    cells: Cells,
    union: int,
    best: Keys,
) -> None:
    """The items of the union with the most votes, ties by item key, into `best`."""
    for at in range(union):
        totals[at] = votes[at]
    seen = 0
    for place in range(len(items)):
        item = items[place]
        if item >= 0 and slot[item] == seen:  # items got their slots in this order
            cells[seen] = packed(total_bits[seen], item)
            seen += 1
    for at in range(first_sorted(cells, union, len(best))):
        best[at] = np.int32(cells[at] & np.uint64(0xFFFF_FFFF))


@kernel
def _moments(items: Keys, scores: Floats) -> tuple[float, float]:
    """Mean and deviation of the scores of the items that are there; deviation 0 where all are equal."""
    count, total, largest = 0, 0.0, 0.0
    for at in range(len(items)):
        if items[at] >= 0:
            count += 1
            total += scores[at]
            largest = max(largest, abs(np.float64(scores[at])))
    if count == 0:
        return 0.0, 0.0
    mean, squares = total / count, 0.0
    for at in range(len(items)):
        if items[at] >= 0:
            squares += (scores[at] - mean) ** 2
    deviation = np.sqrt(squares / count)
    return mean, deviation if deviation > 1e-6 * largest else 0.0
