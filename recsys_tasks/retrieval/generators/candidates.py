"""Candidates of a block of users: every generator's list, filtered, fused, and remembered.

The same source serves ranker examples, the gate and the nightly shards, so what a ranker learns on
is what it will be shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from recsys_tasks import schema
from recsys_tasks.clock import DAY_SECONDS, Cutoffs
from recsys_tasks.config import AfterDays, Config
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.retrieval.generators.fusion import Ranks, Vote, fuse_block
from recsys_tasks.retrieval.generators.kernels import (
    Places,
    allowed,
    covisited,
    fresh_items,
    own_items,
)
from recsys_tasks.retrieval.generators.tables import SPARE_PLACES, GeneratorTables, open_generators
from recsys_tasks.retrieval.histories import STEP_DECAY, Histories
from recsys_tasks.retrieval.select import Cells, Floats, Longs, member, sorted_rows, unpack_rows
from recsys_tasks.snapshot.dataset import Snapshot

VOTES = {
    "two_tower": Vote(1.0, 120.0),
    "covisitation": Vote(0.6, 70.0),
    "own_history": Vote(0.75, 80.0, sure=1.5, half_score=0.6),
    "segment_popular": Vote(0.4, 140.0),
    "trending": Vote(0.3, 30.0),
    "fresh": Vote(0.15, 100.0),
}
"""Chosen for recall@300 on tuning windows of three shops: repeat buyers, reviewers and film raters.
"""
SMALLEST = np.float32(1e-30)
NEWNESS_WEIGHT = np.float32(1e-3)
"""Newness only orders fresh items that are equally close to the user's taste."""
STEP_WEIGHTS: Floats = (STEP_DECAY ** np.arange(200)).astype(np.float32)
"""Weight of an item by how many later moments of the user came after it."""


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
        block, quotas = _Block(self, user_keys), self.config.generators
        bounds = np.concatenate(
            [[0], np.cumsum([getattr(quotas, name) for name in schema.SOURCES])]
        )
        named: Keys = np.full((len(user_keys), bounds[-1]), -1, np.int32)
        near: Floats = np.zeros(named.shape, np.float32)
        for name, (start, stop) in zip(schema.SOURCES, pairwise(bounds), strict=True):
            if stop > start:
                getattr(block, name)(named[:, start:stop], near[:, start:stop])
        votes = [VOTES[name] for name in schema.SOURCES]
        return Candidates(
            user_keys,
            *fuse_block(named, near, bounds, votes, quotas.max_candidates, self.tables.n_items),
        )

    def histories(self, user_keys: Keys) -> Histories:
        """The users' own items before history_before, newest first, one row a user."""
        return self.tables.histories.take(user_keys)

    def newest_items(self, user_keys: Keys) -> Keys:
        """The users' newest distinct items, `[n, features.history_items] int32`, padded with -1."""
        return self.histories(user_keys).newest(self.config.features.history_items)

    def release(self) -> None:
        """Give back the memory of the users looked up so far."""
        self.tables.histories.release()


def open_candidate_source(
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    generators: Artifact,
    embeddings: UserVectors | None,
    searcher: Searcher | None,
) -> CandidateSource:
    """The candidate source at the cutoffs; without embeddings the tower names nothing."""
    return CandidateSource(
        snapshot.config, cutoffs, open_generators(generators), embeddings, searcher
    )


class _Block:
    """One block of users; each method fills its generator's lists, best first: `items [n, q]`,
    `scores [n, q]`.
    """

    def __init__(self, source: CandidateSource, users: Keys) -> None:
        self.source, self.tables, self.users = source, source.tables, users
        self.history = source.histories(users)
        self.n_items = self.tables.n_items
        self.newest = source.config.features.history_items

    @cached_property
    def barred(self) -> npt.NDArray[np.bool_]:
        """`[p]`: history entries that the repeat policy keeps out of tonight's list."""
        policy = self.source.config.repeat_consumption
        if isinstance(policy, AfterDays):
            since = self.source.cutoffs.history - policy.after_days * DAY_SECONDS
            return np.asarray(self.history.last >= since)
        return np.full(len(self.history.items), policy == "forbid")

    def cells(self, width: int) -> Cells:
        """A row of cells for each user."""
        return np.empty((len(self.users), width), np.uint64)

    @cached_property
    def longest(self) -> int:
        """Entries of the longest history."""
        return int(np.diff(self.history.offsets).max(initial=0))

    @cached_property
    def marked(self) -> Keys:
        """`[n_items]`: the last row that an item was barred for, -1 for none."""
        return np.full(self.n_items, -1, np.int32)

    def two_tower(self, items: Keys, scores: Floats) -> None:
        embeddings, searcher = self.source.embeddings, self.source.searcher
        if embeddings is None or searcher is None or not len(embeddings.user_keys):
            return
        place = np.minimum(
            np.searchsorted(embeddings.user_keys, self.users), len(embeddings.user_keys) - 1
        )
        rows = np.flatnonzero(embeddings.user_keys[place] == self.users)
        if len(rows):
            # The same for every block: what is found must not depend on who else is asked.
            spare = 0 if self.source.config.repeat_consumption == "allow" else SPARE_PLACES
            queries = np.ascontiguousarray(embeddings.user_vectors[place[rows]])
            found, near = searcher.search(queries, items.shape[1] + spare)
            self._allowed(found, near, np.arange(len(rows)), rows, items, scores)

    def covisitation(self, items: Keys, scores: Floats) -> None:
        sums: Floats = np.zeros(self.n_items, np.float32)
        history, tables = self.history, self.tables
        parts = (tables.neighbour_items, tables.neighbour_scores, sums, sums.view(np.uint32))
        visited = min(self.longest, self.newest) * tables.neighbour_items.shape[1]
        taste = (
            history.offsets,
            history.items,
            self.barred,
            STEP_WEIGHTS,
            history.steps,
            self.newest,
        )
        cells = self.cells(visited)
        width = covisited(*taste, *parts, np.empty(visited, np.int32), cells)
        unpack_rows(sorted_rows(cells[:, :width], items.shape[1]), items, scores.view(np.uint32))

    def own_history(self, items: Keys, scores: Floats) -> None:
        history = self.history
        weights: Floats = np.maximum(history.weights, SMALLEST)
        mine = (
            history.offsets,
            history.items,
            self.barred,
            weights,
            weights.view(np.uint32),
            self.tables.eligible,
        )
        own_items(*mine, np.empty(self.longest, np.uint64), items, scores.view(np.uint32))

    def segment_popular(self, items: Keys, scores: Floats) -> None:
        inside = self.users < len(self.tables.segment)  # a key newer than the tables is a stranger
        segment = np.where(inside, self.tables.segment[np.where(inside, self.users, 0)], 0).astype(
            np.int64
        )
        self._allowed(
            self.tables.popular_items, self.tables.popular_scores, segment, None, items, scores
        )

    def trending(self, items: Keys, scores: Floats) -> None:
        first = np.zeros(len(self.users), np.int64)
        self._allowed(
            self.tables.trending_items, self.tables.trending_scores, first, None, items, scores
        )

    def fresh(self, items: Keys, scores: Floats) -> None:
        history, tables, content = self.history, self.tables, self.tables.content.items
        fresh, newness, new_words = tables.fresh_with_content
        alike: Floats = np.empty(len(fresh), np.float32)
        profile: Floats = np.zeros(content.shape[1], np.float32)
        taste = (
            history.offsets,
            history.items,
            self.barred,
            STEP_WEIGHTS,
            history.steps,
            self.newest,
        )
        new = (fresh, NEWNESS_WEIGHT * newness, new_words)
        words: tuple[Floats, Places, Places] = (content.data, content.indices, content.indptr)
        cells, bits = self.cells(len(alike)), alike.view(np.uint32)
        width = fresh_items(
            *taste, *new, *words, profile, self.marked, alike, bits, items.shape[1], cells
        )
        unpack_rows(sorted_rows(cells[:, :width], items.shape[1]), items, scores.view(np.uint32))

    def _allowed(
        self,
        named: Keys,
        named_scores: Floats,
        which: Longs,
        rows: Longs | None,
        items: Keys,
        scores: Floats,
    ) -> None:
        """The first of each list that are eligible and not barred for the row."""
        rows = np.arange(len(self.users)) if rows is None else rows
        mine = (
            self.history.offsets,
            self.history.items,
            self.barred,
            self.tables.eligible,
            self.marked,
        )
        allowed(named, named_scores, which, rows, *mine, items, scores)


def recall(candidates: Candidates, offsets: Longs, truth: Keys) -> dict[str, dict[str, float]]:
    """What the generators find of the truth: row u's items are `truth[offsets[u]:offsets[u + 1]]`.

    For `union` and for each generator: `recall`, the share of all user-item pairs of the truth
    among the candidates it named, and `unique`, the share that it alone named.
    """
    size = np.int64(max(candidates.items.max(initial=0), truth.max(initial=0))) + 1
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    hits = (candidates.items >= 0) & member(
        np.arange(len(candidates.users))[:, None] * size + candidates.items,
        np.sort(rows * size + truth),
    )
    named = candidates.ranks >= 0
    alone = named & (named.sum(axis=2, keepdims=True) == 1)
    total = max(len(truth), 1)
    report = {"union": {"recall": float(hits.sum() / total), "unique": float(hits.sum() / total)}}
    for g, name in enumerate(schema.SOURCES):
        found, only = (hits & named[:, :, g]).sum(), (hits & alone[:, :, g]).sum()
        report[name] = {"recall": float(found / total), "unique": float(only / total)}
    return report
