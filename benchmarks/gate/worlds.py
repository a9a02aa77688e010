"""Simulated gate windows: of a shop where everybody has tastes of their own, and of one where users
are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys_tasks.gate.canaries import OwnAndOthers, against_others
from recsys_tasks.gate.evaluate import (
    Catalogue,
    Evaluation,
    ItemSets,
    Truth,
    evaluate,
    item_sets,
    without,
)
from recsys_tasks.gate.slices import activity_slices

Lists = npt.NDArray[np.int32]
ITEMS, CANDIDATES, K = 400, 50, 10
SHARED_NOISE, OWN_NOISE = 0.8, 0.6
COUNTRIES = 6


@dataclass(frozen=True)
class Night:
    """Users of one gate window: candidates `[n, c]`, logits of their chances, what came true,
    groups of users.

    `had`: what users of a shop of alike users have had, and never get again; None where users
    differ.
    """

    candidates: Lists
    logits: npt.NDArray[np.float64]
    shared: npt.NDArray[np.float64]
    truth: Truth
    popular: Lists
    catalogue: Catalogue
    slices: dict[str, npt.NDArray[np.bool_]]
    seed: int
    had: ItemSets | None = None

    def ranked(self, ranker: int, noise: float = OWN_NOISE, places: int = K) -> Lists:
        """A ranker's first places: the logit through the night's shared noise and its own."""
        rng = np.random.default_rng([self.seed, ranker])
        if self.had is not None:
            return self._alike(rng.normal(0, noise, ITEMS), places)
        own = rng.normal(0, noise, self.logits.shape)
        order = np.argsort(-(self.logits + self.shared + own), axis=1)[:, :places]
        return np.take_along_axis(self.candidates, order, axis=1)

    def _alike(self, own: npt.NDArray[np.float64], places: int) -> Lists:
        """Everyone's list is the same but for what each has had."""
        assert self.had is not None
        order = np.argsort(-(self.logits[0] + self.shared[0] + own)).astype(np.int32)
        return without(np.tile(order, (len(self.logits), 1)), self.had)[:, :places]

    def dealt(self, lists: Lists, truth: Truth | None = None) -> OwnAndOthers:
        return against_others(
            lists, truth or self.truth, self.catalogue, self.seed, K, forbidden=self.had
        )

    def measured(self, name: str, lists: Lists, truth: Truth | None = None) -> Evaluation:
        found = evaluate(name, lists, truth or self.truth, catalogue=self.catalogue, k=K)
        return replace(found, slices=self.slices)


def night(seed: int, users: int) -> Night:
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(1, ITEMS + 1) ** 0.8
    # The exponential trick: the first c of a random order weighted by popularity, without an item
    # twice.
    candidates = np.argsort(rng.exponential(size=(users, ITEMS)) / popularity, axis=1)[
        :, :CANDIDATES
    ].astype(np.int32)
    activity = rng.lognormal(1.5, 1.2, users)
    logits = rng.normal(-5.6, 1.3, candidates.shape) + 0.35 * np.log(activity)[:, None]
    logits += 0.4 * np.log(popularity / popularity.mean())[candidates]
    came_true = rng.random(candidates.shape) < 1 / (1 + np.exp(-logits))
    rows, columns = np.nonzero(came_true)
    keys = np.arange(users, dtype=np.int32)
    country = rng.integers(0, COUNTRIES, users)
    return Night(
        candidates=candidates,
        logits=logits,
        shared=rng.normal(0, SHARED_NOISE, candidates.shape),
        truth=item_sets(keys, rows, candidates[rows, columns]),
        popular=np.tile(np.arange(K, dtype=np.int32), (users, 1)),
        catalogue=Catalogue((popularity * 1e5).astype(np.int64)),
        slices=activity_slices(activity.astype(np.int64))
        | {f"country={c}": np.asarray(country == c) for c in range(COUNTRIES)},
        seed=seed,
    )


def alike(seed: int, users: int) -> Night:
    """A night of a shop where everybody likes the same: all items are candidates, but what a user
    has had.
    """
    rng = np.random.default_rng([seed, 0, 13])  # a stream that no ranker's noise is drawn from
    appeal, activity = rng.normal(-5.6, 1.6, ITEMS), rng.lognormal(0, 0.8, users)
    logits = appeal + np.log(activity)[:, None]
    chance = 1 / (1 + np.exp(-logits))
    past, now = (
        rng.random(logits.shape) < np.minimum(4 * chance, 0.9),
        rng.random(logits.shape) < chance,
    )
    keys = np.arange(users, dtype=np.int32)
    had, new = (
        item_sets(keys, rows, items.astype(np.int32))
        for rows, items in map(np.nonzero, (past, now & ~past))
    )
    # Plain popularity counts what was liked before, with what has changed since.
    stale = np.tile(np.argsort(-(appeal + rng.normal(0, 1.5, ITEMS))).astype(np.int32), (users, 1))
    return Night(
        candidates=np.tile(np.arange(ITEMS, dtype=np.int32), (users, 1)),
        logits=logits,
        shared=np.tile(rng.normal(0, SHARED_NOISE, ITEMS), (users, 1)),
        truth=new,
        popular=without(stale, had)[:, :K],
        catalogue=Catalogue(past.sum(axis=0)),
        slices=activity_slices(np.rint(10 * activity).astype(np.int64)),
        seed=seed,
        had=had,
    )
