"""Lists of several generators into one: reciprocal-rank fusion that keeps who named what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel, sums
from recsys_tasks.retrieval.select import NOTHING, Bits, Cells, Floats, Longs, packed, sorted_rows

Ranks = npt.NDArray[np.int16]
Doubles = npt.NDArray[np.float64]
Slots = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Vote:
    """What a generator's list says: its first item counts `weight`, the one at rank `half` half of
    that.

    weight / (1 + rank / half): reciprocal-rank fusion (Cormack, Clarke and Büttcher 2009) with a
    weight and an offset for each list, because a tower's long list keeps its worth longer than the
    twenty that grew most.

    Where a score means the same for everyone, it may vote too: `sure * score / (score +
    half_score)`. What a user bought once, a year ago, is first among the own items of one who
    bought nothing else.
    """

    weight: float
    half: float
    sure: float = 0.0
    half_score: float = 1.0

    def worth(self, places: int) -> Doubles:
        """Of each rank."""
        return self.weight / (1.0 + np.arange(places) / self.half)


def fuse(
    lists: Sequence[tuple[Keys, Floats]], votes: Sequence[Vote], c: int
) -> tuple[Keys, Ranks, Floats]:
    """Union of g lists a user, cut to the c best by the sum of their votes.

    `lists`: per generator `[n, q_g]` items (best first, -1 pads, no duplicates in a row) and
    scores. Returns items `[n, c] int32`, ranks `[n, c, g] int16` and standardised scores `[n, c, g]
    float32` as `Candidates` documents them.
    """
    items = np.concatenate([items for items, _ in lists], axis=1)
    scores = np.concatenate([scores for _, scores in lists], axis=1)
    bounds = np.concatenate([[0], np.cumsum([items.shape[1] for items, _ in lists])]).astype(
        np.int64
    )
    return fuse_block(items, scores, bounds, votes, c, int(items.max(initial=-1)) + 1)


def fuse_block(
    items: Keys, scores: Floats, bounds: Longs, votes: Sequence[Vote], c: int, n_items: int
) -> tuple[Keys, Ranks, Floats]:
    """The same for lists that stand side by side: generator g's are columns [bounds[g], bounds[g +
    1]).
    """
    n, width, g = len(items), items.shape[1], len(votes)
    best: Keys = np.full((n, c), -1, np.int32)
    ranks: Ranks = np.full((n, c, g), -1, np.int16)
    standard: Floats = np.zeros((n, c, g), np.float32)
    worth = np.concatenate(
        [vote.worth(places) for vote, places in zip(votes, np.diff(bounds), strict=True)]
    )
    sure = np.array([(vote.sure, vote.half_score) for vote in votes], np.float64).reshape(g, 2)
    slot = np.full(n_items, -1, np.int32)
    total: Floats = np.empty(width, np.float32)
    cells = np.empty((n, width), np.uint64)
    union = _vote(
        items,
        scores,
        bounds,
        worth,
        sure,
        slot,
        np.empty(width),
        total,
        total.view(np.uint32),
        cells,
    )
    _say(items, scores, bounds, sorted_rows(cells[:, :union], c), slot, best, ranks, standard)
    return best, ranks, standard


@kernel
def _vote(
    items: Keys,
    scores: Floats,
    bounds: Longs,
    worth: Doubles,
    sure: Doubles,
    slot: Slots,
    votes: Doubles,
    total: Floats,
    total_bits: Bits,
    cells: Cells,
) -> int:
    """Each row's union as `cells [n, w]`, most votes first when sorted; returns how wide the widest
    is.

    `slot [n_items]`: an item's place in the row's union, -1 elsewhere, and so again at the end.
    `worth`: what a place in each list is worth, list after list; `sure [g, 2]`: what a score adds
    at most, and the score of half of that.
    """
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
                    votes[union] = 0.0
                    cells[row, union] = np.uint64(item)
                    union += 1
                votes[place] += worth[at]
                if sure[g, 0] > 0:
                    score = np.float64(scores[row, at])
                    votes[place] += sure[g, 0] * score / (score + sure[g, 1])
        for place in range(union):
            total[place] = votes[place]
            item = np.int32(cells[row, place])
            cells[row, place] = packed(total_bits[place], item)
            slot[item] = -1
        cells[row, union:] = NOTHING
        widest = max(widest, union)
    return widest


@kernel
def _say(
    items: Keys,
    scores: Floats,
    bounds: Longs,
    chosen: Cells,
    slot: Slots,
    best: Keys,
    ranks: Ranks,
    standard: Floats,
) -> None:
    """The chosen items of each row, with rank and standardised score by each generator that named
    them.

    `slot`: as in `_vote`, but of the chosen ones.
    """
    for row in range(len(items)):
        for place in range(chosen.shape[1]):
            if chosen[row, place] != NOTHING:
                best[row, place] = np.int32(chosen[row, place] & np.uint64(0xFFFF_FFFF))
                slot[best[row, place]] = place
        for g in range(len(bounds) - 1):
            start, stop = bounds[g], _end(items[row], bounds[g], bounds[g + 1])
            mean, deviation = _moments(scores[row, start:stop])
            for at in range(start, stop):
                place = slot[items[row, at]]
                if place >= 0:
                    ranks[row, place, g] = at - start
                    if deviation > 0:
                        standard[row, place, g] = (np.float64(scores[row, at]) - mean) / deviation
        for place in range(chosen.shape[1]):
            if best[row, place] >= 0:
                slot[best[row, place]] = -1


@kernel
def _end(items: Keys, start: int, stop: int) -> int:
    """Where the pads of a list begin."""
    while stop > start and items[stop - 1] < 0:
        stop -= 1
    return stop


@kernel
def _moments(scores: Floats) -> tuple[float, float]:
    """Mean and deviation; deviation 0 where all are equal."""
    if len(scores) == 0:
        return 0.0, 0.0
    mean = _total(scores) / len(scores)
    deviation = np.sqrt(_squares(scores, mean) / len(scores))
    return mean, deviation if deviation > 1e-6 * _largest(scores) else 0.0


@sums
def _total(scores: Floats) -> float:
    total = 0.0
    for at in range(len(scores)):
        total += scores[at]
    return total


@sums
def _squares(scores: Floats, mean: float) -> float:
    total = 0.0
    for at in range(len(scores)):
        total += (scores[at] - mean) ** 2
    return total


@kernel
def _largest(scores: Floats) -> float:
    largest = np.float32(0.0)
    for at in range(len(scores)):
        largest = max(largest, abs(scores[at]))
    return np.float64(largest)
