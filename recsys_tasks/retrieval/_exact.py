"""Search that compares every item: the oracle, and what serves where an index falls short."""

from __future__ import annotations

import numpy as np

from recsys_tasks.ids import Keys
from recsys_tasks.retrieval._nearest import top_scores
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.tower_inputs import Vectors

SCORES_PER_BLOCK = 16_000_000
"""Scores that exact search holds at once (64 MB)."""


class ExactSearcher:
    """Every item is compared."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._keys, self._vectors = embeddings.item_keys, embeddings.item_vectors

    def search(self, vectors: Vectors, k: int) -> tuple[Keys, Vectors]:
        """See `index.Searcher`."""
        size = max(1, SCORES_PER_BLOCK // max(len(self._keys), 1))
        kept = min(k, len(self._keys))
        keys: Keys = np.full((len(vectors), k), -1, np.int32)
        scores: Vectors = np.full((len(vectors), k), -np.inf, np.float32)
        cells = np.empty(len(self._keys), np.uint64)
        for a in range(0, len(vectors), size):
            block = np.asarray(vectors[a : a + size] @ self._vectors.T, np.float32)
            top_scores(block, block.view(np.uint32), self._keys, kept, cells, keys[a : a + size], scores[a : a + size])
        return keys, scores
