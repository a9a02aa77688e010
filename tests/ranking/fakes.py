"""In-memory stand-ins of what the earlier stages hand to ranking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy import sparse

from recsys_tasks.arrays import Float32, Int32
from recsys_tasks.clock import Cutoffs
from recsys_tasks.features.tables import FeatureTables, PairTable
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.inputs import Candidates, RankingInputs, Sequences
from recsys_tasks.schema import generator_names


@dataclass(frozen=True)
class FakeEmbeddings:
    item_keys: Keys
    item_vectors: Float32
    user_keys: Keys
    user_vectors: Float32


@dataclass(frozen=True)
class FakeSource:
    items: Int32
    """`[n_users, c]`: candidates of every user."""
    history: Int32
    generator: int = 0

    def newest_items(self, user_keys: Keys) -> Keys:
        return self.history[user_keys]

    def release(self) -> None:
        pass

    def block(self, user_keys: Keys) -> Candidates:
        items = self.items[user_keys]
        ranks = np.full((*items.shape, len(generator_names())), -1, np.int16)
        ranks[:, :, self.generator] = np.where(items >= 0, np.arange(items.shape[1]), -1)
        scores = np.where(ranks >= 0, -ranks / 10.0, 0).astype(np.float32)
        return Candidates(np.asarray(user_keys, np.int32), items, ranks, scores)


def candidate_items(inputs: RankingInputs) -> Int32:
    """`[n_users, c]`: the candidates behind inputs that were made here."""
    assert isinstance(inputs.retriever, FakeSource)
    return inputs.retriever.items


def embeddings(item_vectors: np.ndarray, user_vectors: np.ndarray) -> FakeEmbeddings:
    return FakeEmbeddings(
        np.arange(len(item_vectors), dtype=np.int32),
        item_vectors.astype(np.float32),
        np.arange(len(user_vectors), dtype=np.int32),
        user_vectors.astype(np.float32),
    )


def tables(
    user: dict[str, list[float]],
    item: dict[str, list[float]],
    pairs: dict[tuple[int, int], list[float]],
    pair_names: list[str],
) -> FeatureTables:
    n_users = len(next(iter(user.values())))
    offsets = np.searchsorted(
        np.array([u for u, _ in sorted(pairs)], np.int64), np.arange(n_users + 1)
    )
    own = np.array([i for _, i in sorted(pairs)], np.int32)
    values = np.array([pairs[p] for p in sorted(pairs)], np.float32).reshape(
        len(pairs), len(pair_names)
    )
    return FeatureTables(
        user=np.array(list(user.values()), np.float32).T,
        item=np.array(list(item.values()), np.float32).T,
        pair=PairTable(offsets, own, values),
        user_names=tuple(user),
        item_names=tuple(item),
        pair_names=tuple(pair_names),
    )


def inputs(
    source: FakeSource,
    features: FeatureTables,
    vectors: FakeEmbeddings,
    day: date,
    content: sparse.csr_matrix | None = None,
    sequences: Sequences | None = None,
) -> RankingInputs:
    return RankingInputs(Cutoffs.at(day), source, features, vectors, content, "fake", sequences)
