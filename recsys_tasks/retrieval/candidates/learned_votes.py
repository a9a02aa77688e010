"""What each generator's list is worth in the fusion, learned from what users did in past weeks.

A logistic model says how likely an item is acted on, given the rank that each generator gave it:
for each generator a curve over the logarithm of the rank, and for those whose scores mean the same
for everyone a weight of the score. Its log-odds are sums over the generators, as votes are. Items
in the order of their chances are the best list to be expected of any length, if the chances are
right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from recsys_tasks.arrays import AnyInt, Float64, Ragged
from recsys_tasks.hashes import hashed
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.candidates.fusion import Lists
from recsys_tasks.retrieval.generators import Vote

KNOTS = 11
"""Ranks 0, 1, 3, 7, … 1023 at which a curve is fitted; in between it is a line over log2(1 + rank).
"""
RIDGE, SMOOTHNESS = 5.0, 10.0
"""Penalties on squared weights, and on squared differences of neighbouring knots."""
NEGATIVES_KEPT = 8
"""One of so many items that were not acted on is kept, and stands for all of them."""
FEWEST_POSITIVES = 100
"""With fewer the declared votes are used."""
MOST_STEPS, CLOSE = 30, 1e-4


@dataclass(frozen=True)
class LearnedVote:
    """A generator's vote by its learned curve: `curve [KNOTS]`, log-odds at each knot, and what a
    score adds, `sure * score / (score + half_score)`.
    """

    curve: tuple[float, ...]
    sure: float
    half_score: float

    def by_rank(self, places: int) -> Float64:
        """`[places] float64`: the vote of each rank."""
        at = np.log2(1.0 + np.arange(places))
        return np.interp(at, np.arange(KNOTS), np.array(self.curve))


class VoteExamples(NamedTuple):
    """What generators named for some users: `X [rows, f]`, whether it was acted on, `y [rows]`, and
    how many rows each stands for, `weight [rows]`.
    """

    X: sp.csr_matrix
    y: Float64
    weight: Float64


def vote_examples(
    lists: Lists, truth: Ragged, votes: Sequence[Vote], n_items: int, seed: int
) -> VoteExamples:
    """Rows of the union of the lists `[n, w]` of n users; row u of `truth`: item keys `int32` of
    what user u did afterwards. `seed` draws which negatives are kept.
    """
    row, column = np.nonzero(lists.items >= 0)
    code = row.astype(np.int64) * n_items + lists.items[row, column]
    union, at = np.unique(code, return_inverse=True)
    acted = np.isin(union, truth.rows.astype(np.int64) * n_items + truth.items)
    kept = acted | (hashed(union, seed) % np.uint64(NEGATIVES_KEPT) == 0)
    number = np.where(kept, kept.cumsum() - 1, -1)[at]
    generator = np.searchsorted(lists.bounds, column, side="right") - 1
    place = column - lists.bounds[generator]
    scores = lists.scores[row, column].astype(np.float64)
    cells = _cells(number, generator, place, scores, votes)
    shape = (int(kept.sum()), _width(votes))
    X = sp.csr_matrix((cells[2], (cells[0], cells[1])), shape=shape)
    y = acted[kept].astype(np.float64)
    return VoteExamples(X, y, np.where(y > 0, 1.0, float(NEGATIVES_KEPT)))


def learn_votes(
    parts: Sequence[VoteExamples], votes: Sequence[Vote]
) -> tuple[LearnedVote, ...] | None:
    """The votes of the generators, in the order of `votes`; None where there is too little to learn
    from.
    """
    if sum(part.y.sum() for part in parts) < FEWEST_POSITIVES:
        return None
    X = sp.vstack([part.X for part in parts]).tocsr()
    y, weight = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("y", "weight")
    )
    found = _fitted(X, y, weight, _penalty(votes))
    sure = dict(zip(_sure(votes), found[len(votes) * KNOTS :], strict=True))
    return tuple(
        LearnedVote(
            tuple(found[g * KNOTS : (g + 1) * KNOTS].tolist()),
            float(max(sure.get(g, 0.0), 0.0)),
            vote.half_score,
        )
        for g, vote in enumerate(votes)
    )


def _sure(votes: Sequence[Vote]) -> list[int]:
    """Generators whose scores vote, too."""
    return [g for g, vote in enumerate(votes) if vote.sure > 0]


def _width(votes: Sequence[Vote]) -> int:
    return len(votes) * KNOTS + len(_sure(votes))


def _cells(
    number: Keys, generator: AnyInt, place: AnyInt, scores: Float64, votes: Sequence[Vote]
) -> tuple[AnyInt, AnyInt, Float64]:
    """Row, column and value of each entry of the matrix; `number` -1: not a row of it."""
    there = number >= 0
    number, generator, place = number[there], generator[there], place[there]
    knot = np.minimum(np.log2(1.0 + place), KNOTS - 1 - 1e-9)
    low = knot.astype(np.int64)
    after = knot - low
    rows, columns = [number, number], [generator * KNOTS + low, generator * KNOTS + low + 1]
    values = [1.0 - after, after]
    for extra, g in enumerate(_sure(votes)):
        mine = generator == g
        score = scores[there][mine]
        rows.append(number[mine])
        columns.append(np.full(len(score), len(votes) * KNOTS + extra))
        values.append(score / (score + votes[g].half_score))
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def _penalty(votes: Sequence[Vote]) -> Float64:
    width = _width(votes)
    penalty = RIDGE * np.eye(width)
    for g in range(len(votes)):
        for knot in range(g * KNOTS, (g + 1) * KNOTS - 1):
            pair = np.ix_([knot, knot + 1], [knot, knot + 1])
            penalty[pair] += SMOOTHNESS * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return penalty


def _fitted(X: sp.csr_matrix, y: Float64, weight: Float64, penalty: Float64) -> Float64:
    """Weights `[f]` of the logistic model with an intercept: Newton's method, steps halved where
    the loss grows.
    """
    X = sp.hstack([X, sp.csr_matrix(np.ones((X.shape[0], 1)))]).tocsr()
    P = np.pad(penalty, (0, 1))
    found = np.zeros(X.shape[1])
    found[-1] = np.log(y.sum() / max(float(weight[y == 0].sum()), 1.0))
    loss = _loss(X, y, weight, P, found)
    for _ in range(MOST_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(X @ found, -40.0, 40.0)))
        slope = X.T @ (weight * (y - chance)) - P @ found
        curve = (X.T @ sp.diags(weight * chance * (1.0 - chance)) @ X).toarray() + P
        step = np.linalg.solve(curve + 1e-9 * np.eye(len(curve)), slope)
        after = _loss(X, y, weight, P, found + step)
        while after > loss and np.abs(step).max() > CLOSE:
            step = step / 2
            after = _loss(X, y, weight, P, found + step)
        if after > loss:
            break
        found, loss = found + step, after
        if np.abs(step).max() < CLOSE:
            break
    return np.asarray(found[:-1], np.float64)


def _loss(X: sp.csr_matrix, y: Float64, weight: Float64, P: Float64, found: Float64) -> float:
    odds = X @ found
    fit = (weight * (np.logaddexp(0.0, odds) - y * odds)).sum()
    return float(fit + 0.5 * found @ P @ found)
