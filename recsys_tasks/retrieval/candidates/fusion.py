"""Fusion: merge the lists of several generators by the votes of their places, learned or, before
there are any, reciprocal ranks; and keep which named what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from recsys_tasks.arrays import Float32, Float64, Int16, Int32, Int64, UInt32, UInt64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel, sums
from recsys_tasks.retrieval.select import NOTHING, packed, sorted_rows


class Lists(NamedTuple):
    """Lists of g generators side by side: g's are columns [bounds[g], bounds[g + 1]).

    `items [n, w]`: best first, -1 pads at a list's end, no duplicates in one; `scores [n, w]`.
    """

    items: Keys
    scores: Float32
    bounds: Int64


class VoteWeights(NamedTuple):
    """Weights of the generators' votes. `by_rank [w]`: the vote of each place of the lists;
    `by_score [g, 2]`: the most that a score adds to it (0: nothing), and the score that adds half;
    `floor`: what every item begins with.
    """

    by_rank: Float64
    by_score: Float64
    floor: float


class VoteSums(NamedTuple):
    """Working memory for one row. `slot [n_items]`: an item's place in the row's union, -1 for all
    others; all -1 before and after a row. `votes [w]`, `total [w]` and its bits are overwritten.
    """

    slot: Int32
    votes: Float64
    total: Float32
    total_bits: UInt32


class Fused(NamedTuple):
    """The best items of the union: `items [n, c]`, `ranks [n, c, g]`, `scores [n, c, g]`."""

    items: Keys
    ranks: Int16
    scores: Float32


class Voting(Protocol):
    """How a generator's list counts: declared (`Vote`) or learned."""

    @property
    def sure(self) -> float:
        """The most that a score adds; 0: scores do not vote."""

    @property
    def half_score(self) -> float:
        """The score that adds half of it."""

    def by_rank(self, places: int) -> Float64:
        """`[places] float64`: the vote of each rank."""


def fuse(lists: Lists, votes: Sequence[Voting], c: int, n_items: int) -> Fused:
    """Union of g lists a user, cut to the c best by the sum of their votes; ties by item key.

    Returns items, ranks and standardised scores as `Candidates` documents them.
    """
    n, width, g = len(lists.items), lists.items.shape[1], len(votes)
    best = Fused(
        np.full((n, c), -1, np.int32),
        np.full((n, c, g), -1, np.int16),
        np.zeros((n, c, g), np.float32),
    )
    sizes = np.diff(lists.bounds)
    by_rank = [vote.by_rank(places) for vote, places in zip(votes, sizes, strict=True)]
    by_score = [(vote.sure, vote.half_score) for vote in votes]
    # Cells sort sums above 0 alone: where votes may be below it, every sum is raised alike.
    floor = sum(max(0.0, -float(some.min())) for some in by_rank if len(some))
    scores = np.array(by_score, np.float64).reshape(g, 2)
    weights = VoteWeights(np.concatenate(by_rank), scores, floor)
    total: Float32 = np.empty(width, np.float32)
    slot = np.full(n_items, -1, np.int32)
    vote_sums = VoteSums(slot, np.empty(width), total, total.view(np.uint32))
    cells = np.empty((n, width), np.uint64)
    union = _count_votes(lists, weights, vote_sums, cells)
    _write_ranks(lists, sorted_rows(cells[:, :union], c), slot, best)
    return best


@kernel
def _count_votes(lists: Lists, weights: VoteWeights, vote_sums: VoteSums, cells: UInt64) -> int:
    """Write each row's union to `cells [n, w]`, which sort by votes, most first; returns the size
    of the largest union.
    """
    items, scores, bounds = lists
    by_rank, by_score, floor = weights
    slot, votes, total, total_bits = vote_sums
    widest = 0
    for row in range(len(items)):
        union = 0
        for g in range(len(bounds) - 1):
            for at in range(bounds[g], bounds[g + 1]):
                item = items[row, at]
                if item < 0:
                    break  # only pads follow
                place = slot[item]
                if place < 0:
                    place = slot[item] = union
                    votes[union] = floor
                    cells[row, union] = np.uint64(item)
                    union += 1
                votes[place] += by_rank[at]
                if by_score[g, 0] > 0:
                    score = np.float64(scores[row, at])
                    votes[place] += by_score[g, 0] * score / (score + by_score[g, 1])
        for place in range(union):
            total[place] = votes[place]
            item = np.int32(cells[row, place])
            cells[row, place] = packed(total_bits[place], item)
            slot[item] = -1
        cells[row, union:] = NOTHING
        widest = max(widest, union)
    return widest


@kernel
def _write_ranks(lists: Lists, chosen: UInt64, slot: Int32, best: Fused) -> None:
    """The chosen items of each row, with rank and standardised score by each generator that named
    them.

    `chosen [n, <= c]`: sorted cells; `slot`: as in `VoteSums`, but of the chosen items.
    """
    items, scores, bounds = lists
    best_items, ranks, standard = best
    for row in range(len(items)):
        for place in range(chosen.shape[1]):
            if chosen[row, place] != NOTHING:
                best_items[row, place] = np.int32(chosen[row, place] & np.uint64(0xFFFF_FFFF))
                slot[best_items[row, place]] = place
        for g in range(len(bounds) - 1):
            start, stop = bounds[g], _end(items[row], bounds[g], bounds[g + 1])
            mean, deviation = _mean_and_deviation(scores[row, start:stop])
            for at in range(start, stop):
                place = slot[items[row, at]]
                if place >= 0:
                    ranks[row, place, g] = at - start
                    if deviation > 0:
                        standard[row, place, g] = (np.float64(scores[row, at]) - mean) / deviation
        for place in range(chosen.shape[1]):
            if best_items[row, place] >= 0:
                slot[best_items[row, place]] = -1


@kernel
def _end(items: Keys, start: int, stop: int) -> int:
    """First column of the pads of the list in columns [start, stop)."""
    while stop > start and items[stop - 1] < 0:
        stop -= 1
    return stop


@kernel
def _mean_and_deviation(scores: Float32) -> tuple[float, float]:
    """Mean and standard deviation; the latter is 0 where all are equal up to rounding."""
    if len(scores) == 0:
        return 0.0, 0.0
    mean = _total(scores) / len(scores)
    deviation = np.sqrt(_squares(scores, mean) / len(scores))
    return mean, deviation if deviation > 1e-6 * _largest(scores) else 0.0


@sums
def _total(scores: Float32) -> float:
    total = 0.0
    for at in range(len(scores)):
        total += scores[at]
    return total


@sums
def _squares(scores: Float32, mean: float) -> float:
    total = 0.0
    for at in range(len(scores)):
        total += (scores[at] - mean) ** 2
    return total


@kernel
def _largest(scores: Float32) -> float:
    largest = np.float32(0.0)
    for at in range(len(scores)):
        largest = max(largest, abs(scores[at]))
    return np.float64(largest)
