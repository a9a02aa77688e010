"""Candidates of a block of users: every generator's list, filtered, fused, and remembered.

The same source serves ranker examples, the gate and the nightly shards, so what a ranker learns on
is what it will be shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys_tasks import schema
from recsys_tasks.clock import DAY_SECONDS, Cutoffs
from recsys_tasks.config import AfterDays, Config
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.retrieval.fusion import Ranks, fuse
from recsys_tasks.retrieval.generators import SPARE_PLACES, GeneratorTables, open_generators
from recsys_tasks.retrieval.histories import STEP_DECAY, Histories
from recsys_tasks.retrieval.select import Floats, Longs, member, top_dense, top_ragged
from recsys_tasks.snapshot.dataset import Snapshot

WEIGHTS = {
    "two_tower": 1.0,
    "covisitation": 1.0,
    "own_history": 1.5,
    "segment_popular": 0.6,
    "trending": 0.3,
    "fresh": 0.3,
}
"""Votes of each generator in the fusion."""
FORBIDDEN = np.float32(-1e9)
SMALLEST = np.float32(1e-30)
NEWNESS_WEIGHT = np.float32(1e-3)
"""Newness only orders fresh items that are equally close to the user's taste."""
NamedList = tuple[Keys, Floats]


class UserVectors(Protocol):
    """What this module needs of the tower's embeddings."""

    @property
    def user_keys(self) -> Keys:
        """`[n] int32`, sorted: users with a vector."""

    @property
    def user_vectors(self) -> Floats:
        """`[n, d] float32`."""


class Searcher(Protocol):
    """Nearest-neighbour search over the item vectors."""

    def search(self, vectors: Floats, k: int) -> tuple[Keys, Floats]:
        """Item keys `[n, k] int32` and scores `[n, k] float32`, best first."""


@dataclass(frozen=True)
class Candidates:
    """Items to rank for a block of users; g runs over schema.SOURCES.

    `users [n] int32`; `items [n, c] int32`: -1 pads at the end, no duplicates in a row, best fused
    first; `ranks [n, c, g] int16`: 0-based rank in generator g, -1 where g did not name the item;
    `scores [n, c, g] float32`: g's score standardised over that user's list of g, 0 where absent.
    """

    users: Keys
    items: Keys
    ranks: Ranks
    scores: Floats


@dataclass(frozen=True)
class CandidateSource:
    """All generators at two cutoffs, ready for blocks of users."""

    config: Config
    cutoffs: Cutoffs
    tables: GeneratorTables
    embeddings: UserVectors | None
    searcher: Searcher | None

    def block(self, user_keys: Keys) -> Candidates:
        """Candidates of some users, in their order."""
        block = _Block(self, user_keys)
        lists = [getattr(block, name)(getattr(self.config.generators, name)) for name in schema.SOURCES]
        weights = [WEIGHTS[name] for name in schema.SOURCES]
        items, ranks, scores = fuse(lists, weights, self.config.generators.max_candidates)
        return Candidates(user_keys, items, ranks, scores)

    def histories(self, user_keys: Keys) -> Histories:
        """The users' own items before history_before, newest first, one row a user."""
        return self.tables.histories.take(user_keys)

    def newest_items(self, user_keys: Keys) -> Keys:
        """The users' newest distinct items, `[n, features.history_items] int32`, padded with -1."""
        return self.histories(user_keys).newest(self.config.features.history_items)


def open_candidate_source(
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    generators: Artifact,
    embeddings: UserVectors | None,
    searcher: Searcher | None,
) -> CandidateSource:
    """The candidate source at the cutoffs; without embeddings the tower names nothing."""
    return CandidateSource(snapshot.config, cutoffs, open_generators(generators), embeddings, searcher)


class _Block:
    """One block of users: each method names the generator's list, `[n, <= quota]`, best first."""

    def __init__(self, source: CandidateSource, users: Keys) -> None:
        self.source, self.tables, self.users = source, source.tables, users
        self.history = source.histories(users)
        self.n_items = self.tables.n_items

    @cached_property
    def barred(self) -> npt.NDArray[np.bool_]:
        """`[p]`: history entries that the repeat policy keeps out of tonight's list."""
        policy = self.source.config.repeat_consumption
        if isinstance(policy, AfterDays):
            since = self.source.cutoffs.history - policy.after_days * DAY_SECONDS
            return np.asarray(self.history.last >= since)
        return np.full(len(self.history.items), policy == "forbid")

    @cached_property
    def taste(self) -> sp.csr_matrix:
        """The users' newest items, `[n, m]`: each moment counts four fifths of the one after it."""
        rows, items, steps = self.history.rows, self.history.items, self.history.steps
        recent = np.arange(len(items)) - self.history.offsets[rows] < self.source.config.features.history_items
        weights = STEP_DECAY ** steps[recent].astype(np.float32)
        return sp.csr_matrix((weights, (rows[recent], items[recent])), shape=(len(self.users), self.n_items))

    @cached_property
    def barred_codes(self) -> Longs:
        """row * n_items + item of the barred entries, sorted."""
        return np.sort((self.history.rows * self.n_items + self.history.items)[self.barred])

    def two_tower(self, quota: int) -> NamedList:
        embeddings, searcher = self.source.embeddings, self.source.searcher
        if not quota or embeddings is None or searcher is None or not len(embeddings.user_keys):
            return self._nothing(quota)
        place = np.minimum(np.searchsorted(embeddings.user_keys, self.users), len(embeddings.user_keys) - 1)
        rows = np.flatnonzero(embeddings.user_keys[place] == self.users)
        items, scores = self._nothing(quota)
        if len(rows):
            spare = min(int(np.bincount(self.history.rows[self.barred], minlength=1).max(initial=0)), SPARE_PLACES)
            found, near = searcher.search(np.ascontiguousarray(embeddings.user_vectors[place[rows]]), quota + spare)
            kept, similar = self._allowed(found, near, quota, rows)
            items[rows, : kept.shape[1]], scores[rows, : kept.shape[1]] = kept, similar
        return items, scores

    def covisitation(self, quota: int) -> NamedList:
        scored = self.taste @ self.tables.neighbours
        if self.barred.any():
            scored = scored + self.history.matrix(np.where(self.barred, FORBIDDEN, np.float32(0)), self.n_items)
        return top_ragged(scored.indptr.astype(np.int64), scored.indices, scored.data, quota)

    def own_history(self, quota: int) -> NamedList:
        usable = ~self.barred & self.tables.exists[self.history.items]
        weights = np.where(usable, np.maximum(self.history.weights, SMALLEST), np.float32(0))
        return top_ragged(self.history.offsets, self.history.items, weights, quota)

    def segment_popular(self, quota: int) -> NamedList:
        inside = self.users < len(self.tables.segment)  # a key newer than the tables is a stranger
        rows = np.where(inside, self.tables.segment[np.where(inside, self.users, 0)], 0)
        return self._allowed(self.tables.popular_items[rows], self.tables.popular_scores[rows], quota)

    def trending(self, quota: int) -> NamedList:
        rows = np.zeros(len(self.users), np.int64)
        return self._allowed(self.tables.trending_items[rows], self.tables.trending_scores[rows], quota)

    def fresh(self, quota: int) -> NamedList:
        new = self.tables.fresh_items
        if not quota or not len(new):
            return self._nothing(quota)
        profiles = self.tables.content.profiles(self.taste)
        alike = (profiles @ self.tables.content.items[new].T).toarray() + NEWNESS_WEIGHT * self.tables.fresh_newness
        items = np.broadcast_to(new, alike.shape)
        return self._allowed(*top_dense(items, alike.astype(np.float32), quota + SPARE_PLACES), quota)

    def _allowed(self, items: Keys, scores: Floats, quota: int, rows: Longs | None = None) -> NamedList:
        """The first `quota` of each list `[r, w]` of existing items that are not barred for the user."""
        rows = np.arange(len(self.users)) if rows is None else rows
        fine = (items >= 0) & self.tables.exists[items]
        if len(self.barred_codes):
            fine &= ~member(rows[:, None] * self.n_items + items, self.barred_codes)
        if fine.all():
            return items[:, :quota], scores[:, :quota]
        order = np.argsort(~fine, axis=1, kind="stable")[:, :quota]
        fine = np.take_along_axis(fine, order, 1)
        chosen = np.where(fine, np.take_along_axis(items, order, 1), -1)
        return chosen, np.where(fine, np.take_along_axis(scores, order, 1), np.float32(0))

    def _nothing(self, quota: int) -> NamedList:
        shape = (len(self.users), quota)
        return np.full(shape, -1, np.int32), np.zeros(shape, np.float32)


def recall(candidates: Candidates, offsets: Longs, truth: Keys) -> dict[str, dict[str, float]]:
    """What the generators find of the truth: row u's items are `truth[offsets[u]:offsets[u + 1]]`.

    For `union` and for each generator: `recall`, the share of all user-item pairs of the truth among
    the candidates it named, and `unique`, the share that it alone named.
    """
    size = np.int64(max(candidates.items.max(initial=0), truth.max(initial=0))) + 1
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    hits = (candidates.items >= 0) & member(
        np.arange(len(candidates.users))[:, None] * size + candidates.items, np.sort(rows * size + truth)
    )
    named = candidates.ranks >= 0
    alone = named & (named.sum(axis=2, keepdims=True) == 1)
    total = max(len(truth), 1)
    report = {"union": {"recall": float(hits.sum() / total), "unique": float(hits.sum() / total)}}
    for g, name in enumerate(schema.SOURCES):
        found, only = (hits & named[:, :, g]).sum(), (hits & alone[:, :, g]).sum()
        report[name] = {"recall": float(found / total), "unique": float(only / total)}
    return report
