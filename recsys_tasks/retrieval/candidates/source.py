"""Candidates of a block of users: every generator's list, filtered and fused.

Ranker examples, the gate and the nightly shards use the same source, so a ranker is trained on
candidates like those that it ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from recsys_tasks.arrays import Float32, Int16
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.retrieval.candidates.block import Block, Searcher, UserVectors
from recsys_tasks.retrieval.candidates.fusion import Lists, Voting, fuse
from recsys_tasks.retrieval.candidates.learned_votes import LearnedVote
from recsys_tasks.retrieval.candidates.tables import (
    GeneratorTables,
    known_generators,
    open_generators,
)
from recsys_tasks.retrieval.histories import Histories
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.bans_and_rules import BansAndRules, bans_and_rules_at

__all__ = [
    "CandidateSource",
    "Candidates",
    "Searcher",
    "UserVectors",
    "open_candidate_source",
]


@dataclass(frozen=True)
class Candidates:
    """Items to rank for a block of users; g runs over `schema.generator_names()`.

    `users [n] int32`; `items [n, c] int32`: -1 pads at the end, no duplicates in a row, best fused
    first; `ranks [n, c, g] int16`: 0-based rank in generator g, -1 where g did not name the item;
    `scores [n, c, g] float32`: g's score standardised over that user's list of g, 0 where absent.
    """

    users: Keys
    items: Keys
    ranks: Int16
    scores: Float32


@dataclass(frozen=True)
class CandidateSource:
    """All generators at one pair of cutoffs; makes the candidates of blocks of users."""

    config: Config
    cutoffs: Cutoffs
    tables: GeneratorTables
    embeddings: UserVectors | None
    searcher: Searcher | None
    bans_and_rules: BansAndRules | None = None
    learned: tuple[LearnedVote, ...] | None = None
    """What each generator's list is worth, where that was learned; else as they declare."""

    def block(self, user_keys: Keys) -> Candidates:
        """Candidates of some users, in their order.

        `user_keys [n] int32`.
        """
        votes, limit = self.votes, self.config.generators.max_candidates
        lists = self.named(user_keys)
        return Candidates(user_keys, *fuse(lists, votes, limit, self.tables.n_items))

    @property
    def votes(self) -> Sequence[Voting]:
        """How the lists of each generator count, in the order of `named`."""
        return self.learned or [one.vote for one in known_generators()]

    def named(self, user_keys: Keys) -> Lists:
        """What each generator names for some users, before the lists are fused.

        `user_keys [n] int32`.
        """
        block, quotas = Block(self, user_keys), self.config.generators
        generators = known_generators()
        bounds = np.concatenate([[0], np.cumsum([quotas.quota(one.name) for one in generators])])
        # The lists stand side by side: generator g's are columns [bounds[g], bounds[g + 1]).
        named: Keys = np.full((len(user_keys), bounds[-1]), -1, np.int32)
        scores: Float32 = np.zeros(named.shape, np.float32)
        for one, (start, stop) in zip(generators, pairwise(bounds), strict=True):
            if stop > start:
                arrays = self.tables.arrays[one.name]
                one.fill(block, arrays, named[:, start:stop], scores[:, start:stop])
                block.leave_out_forbidden(named[:, start:stop], scores[:, start:stop])
        return Lists(named, scores, bounds)

    def everyone(self) -> tuple[Keys, Float32]:
        """All eligible items by the number of users who had them, as one shared list `[1, m]`, and
        scores of 0.
        """
        return self._everyone

    @cached_property
    def _everyone(self) -> tuple[Keys, Float32]:
        keys = np.flatnonzero(self.tables.eligible).astype(np.int32)
        had = np.bincount(self.tables.histories.items, minlength=self.tables.n_items)
        order = np.lexsort((keys, -had[keys]))
        return keys[order][None], np.zeros((1, len(keys)), np.float32)

    def histories(self, user_keys: Keys) -> Histories:
        """The users' own items before history_before, newest first, one row a user.

        `user_keys [n] int32`.
        """
        return self.tables.histories.take(user_keys)

    def newest_items(self, user_keys: Keys) -> Keys:
        """The users' newest distinct items, `[n, features.history_items] int32`, padded with -1."""
        return self.histories(user_keys).newest(self.config.features.history_items)

    def release(self) -> None:
        """Free the memory that the histories of earlier users take."""
        self.tables.histories.release()


def open_candidate_source(
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    generators: Artifact,
    embeddings: UserVectors | None,
    searcher: Searcher | None,
    votes: tuple[LearnedVote, ...] | None = None,
) -> CandidateSource:
    """The candidate source at the cutoffs; without embeddings the two-tower has no candidates.
    `votes`: as learned, in the generators' order; None: as declared.

    Raises ArtifactError when an array of a generator is missing.
    """
    tables = open_generators(generators, snapshot.config)
    bans_and_rules = bans_and_rules_at(snapshot, cutoffs.history_before)
    return CandidateSource(
        snapshot.config, cutoffs, tables, embeddings, searcher, bans_and_rules, votes
    )
