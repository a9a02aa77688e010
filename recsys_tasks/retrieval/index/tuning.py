"""How an index is searched: the least effort whose recall reaches the floor, on users it was not
chosen by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_tasks.arrays import Float32
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.index.exact import ExactSearcher
from recsys_tasks.retrieval.index.scann_tree import Effort, ScannSearcher, Tree

LEAF_SHARES = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Shares of a tree's leaves tried in turn. All of them still compare codes alone, several times as
fast as vectors.
"""
REORDERS = (1.2, 1.6, 2.5, 4.0, 8.0)
"""Neighbours re-scored exactly, a wanted one, tried in turn once enough leaves are opened."""
CODES_A_SCORE = 100
"""Codes that are compared, one after another, in the time of scoring one item exactly, at a random
place.
"""


@dataclass(frozen=True)
class Sample:
    """Users to measure by: `queries [n, d]`, and for each depth k their true neighbours `[n,
    k]`.
    """

    queries: Float32
    truth: dict[int, Keys]

    def recalls(self, searcher: ScannSearcher) -> dict[int, float]:
        """Recall at each depth."""
        return {
            k: neighbour_recall(truth, searcher.search(self.queries, k)[0])
            for k, truth in self.truth.items()
        }


@dataclass(frozen=True)
class Tried:
    """One way to search one tree, with its recall by depth: of the users it is chosen by, and of
    the others.
    """

    tree: Tree
    effort: Effort
    chosen_on: dict[int, float]
    held_out: dict[int, float]

    @property
    def worst(self) -> float:
        """What is compared with the floor: the lowest recall of either half at any depth."""
        return min(*self.chosen_on.values(), *self.held_out.values())

    def as_json(self, reported: int) -> dict[str, float | int]:
        """One flat row; `recall` is at depth `reported`, of the users it was not chosen by."""
        return {
            "leaves": self.tree.leaves,
            "block": self.tree.block,
            "leaves_to_search": self.effort.leaves,
            "reorder": self.effort.reorder,
            "recall": self.held_out[reported],
            "worst_recall": self.worst,
        }


def item_sample(embeddings: Embeddings, count: int, k: int, seed: int) -> Sample:
    """Up to `count` items as queries: what similar items ask of an index."""
    rows = np.sort(np.random.default_rng([seed, 1]).permutation(len(embeddings.item_keys))[:count])
    queries = np.asarray(embeddings.item_vectors[rows])
    return Sample(queries, {k: ExactSearcher(embeddings).search(queries, k)[0]})


def samples(
    embeddings: Embeddings, count: int, depths: Sequence[int], seed: int
) -> tuple[Sample, Sample] | None:
    """Twice up to `count` users, no user in both; None with fewer than two users."""
    n = len(embeddings.user_keys)
    chosen = np.random.default_rng(seed).permutation(n)[: 2 * count]
    if len(chosen) < 2:
        return None
    exact, halves = ExactSearcher(embeddings), np.array_split(chosen, 2)
    made = []
    for rows in halves:
        queries = np.asarray(embeddings.user_vectors[np.sort(rows)])
        deepest, _ = exact.search(queries, max(depths))
        made.append(Sample(queries, {k: deepest[:, :k] for k in depths}))
    return made[0], made[1]


def tune(
    searcher: Any, tree: Tree, keys: Keys, halves: tuple[Sample, Sample], floor: float, threads: int
) -> tuple[list[Tried], Tried | None]:
    """All that was tried, in order, and of what reaches the floor the cheapest; None when nothing
    did.

    Leaves are added while they alone cost less than the cheapest so far; for each number of them
    that is enough with the most reordering, the least reordering that is enough is looked for.
    `keys [m] int32`: the items of the tree, by its rows.
    """
    deepest = max(halves[0].truth)
    tried: list[Tried] = []
    good: list[Tried] = []

    def attempt(opened: int, reorder: float) -> bool:
        effort = Effort(opened, reorder)
        candidate = ScannSearcher(keys, searcher, effort, threads)
        tried.append(
            Tried(tree, effort, halves[0].recalls(candidate), halves[1].recalls(candidate))
        )
        if tried[-1].worst >= floor:
            good.append(tried[-1])
        return tried[-1].worst >= floor

    for opened in dict.fromkeys(max(1, round(tree.leaves * share)) for share in LEAF_SHARES):
        least = min((cost(way, len(keys), deepest) for way in good), default=np.inf)
        if opened / tree.leaves * len(keys) >= least:
            break
        if attempt(opened, REORDERS[-1]):
            any(
                attempt(opened, reorder) for reorder in REORDERS[:-1]
            )  # up to the first that is enough
    return tried, min(good, key=lambda way: cost(way, len(keys), deepest), default=None)


def cost(way: Tried, m: int, k: int) -> float:
    """What a query costs, in codes compared: those of the opened leaves, and the neighbours scored
    again.
    """
    return way.effort.leaves / way.tree.leaves * m + CODES_A_SCORE * way.effort.reordered(k)


def neighbour_recall(truth: Keys, found: Keys) -> float:
    """Mean share of each row of `truth [n, k]` that is in the same row of `found [n, k]`; -1 counts
    for nothing.
    """
    span = int(max(truth.max(initial=0), found.max(initial=0))) + 1
    rows = np.arange(len(truth))[:, None] * span
    wanted = truth >= 0
    hits = np.isin((truth + rows)[wanted], (found + rows)[found >= 0]).sum()
    return float(hits / max(int(wanted.sum()), 1))
