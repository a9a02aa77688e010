"""In-memory stand-ins of what the earlier stages hand to ranking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from recsys_tasks.clock import Cutoffs
from recsys_tasks.features.tables import FeatureTables, PairTable
from recsys_tasks.ranking.inputs import RankingInputs, Sequences
from recsys_tasks.schema import generator_names


@dataclass(frozen=True)
class FakeCandidates:
    users: np.ndarray
    items: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class FakeEmbeddings:
    item_keys: np.ndarray
    item_vectors: np.ndarray
    user_keys: np.ndarray
    user_vectors: np.ndarray


@dataclass(frozen=True)
class FakeSource:
    items: np.ndarray
    """`[n_users, c]`: candidates of every user."""
    history: np.ndarray
    generator: int = 0

    def newest_items(self, users: np.ndarray) -> np.ndarray:
        return self.history[users]

    def release(self) -> None:
        pass

    def block(self, users: np.ndarray) -> FakeCandidates:
        items = self.items[users]
        ranks = np.full((*items.shape, len(generator_names())), -1, np.int16)
        ranks[:, :, self.generator] = np.where(items >= 0, np.arange(items.shape[1]), -1)
        scores = np.where(ranks >= 0, -ranks / 10.0, 0).astype(np.float32)
        return FakeCandidates(np.asarray(users, np.int32), items, ranks, scores)


def embeddings(item_vectors: np.ndarray, user_vectors: np.ndarray) -> FakeEmbeddings:
    return FakeEmbeddings(
        np.arange(len(item_vectors), dtype=np.int32),
        item_vectors.astype(np.float32),
        np.arange(len(user_vectors), dtype=np.int32),
        user_vectors.astype(np.float32),
    )


def tables(
    user: dict[str, list],
    item: dict[str, list],
    pairs: dict[tuple[int, int], list],
    pair_names: list[str],
):
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
    content: object = None,
    sequences: Sequences | None = None,
) -> RankingInputs:
    return RankingInputs(Cutoffs.at(day), source, features, vectors, content, "fake", sequences)
