"""Search that compares every item: the oracle, and what serves where an index falls short."""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Float32, Int64
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.index.nearest import keep_best, named, scores_in
from recsys_tasks.retrieval.select import NOTHING

QUERIES, ITEMS = 512, 32_768
"""Rows and columns of the matrix product that is in memory at once (64 MB)."""
ROOM = 8
"""Scores kept of a query, a wanted one, before the best are picked out of them."""


class ExactSearcher:
    """Every item is compared: float32 matrix products, tile by tile, and the best so far of each
    query.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        findable = embeddings.findable()
        self._keys, self._vectors = findable.item_keys, findable.item_vectors

    def search(self, vectors: Float32, k: int) -> tuple[Keys, Float32]:
        """See `index.Searcher`.

        `vectors [n, d] float32`; `[n, k]` keys int32 and scores float32.
        """
        keys: Keys = np.full((len(vectors), k), -1, np.int32)
        scores: Float32 = np.full((len(vectors), k), -np.inf, np.float32)
        kept = min(k, len(self._keys))
        for at in range(0, len(vectors) if kept else 0, QUERIES):
            rows = slice(at, at + QUERIES)
            places, near = self._best(np.asarray(vectors[rows], np.float32), kept)
            named(places, near, self._keys, keys[rows], scores[rows])
        return keys, scores

    def _best(self, queries: Float32, k: int) -> tuple[Int64, Float32]:
        """Places `[n, k]` of the nearest items, and their scores; behind the last that has one, no
        number.
        """
        n = len(queries)
        cells = np.empty((n, ROOM * k + 1), np.uint64)
        cells[:, :k] = NOTHING  # where fewer score anything
        counts, floors = np.zeros(n, np.int64), np.full(n, -np.inf, np.float32)
        for first in range(0, len(self._keys), ITEMS):
            with np.errstate(
                invalid="ignore", over="ignore"
            ):  # of a broken query, which finds nothing
                tile = np.asarray(queries @ self._vectors[first : first + ITEMS].T, np.float32)
            keep_best(tile, tile.view(np.uint32), first, k, floors, cells, counts)
            full = counts >= k
            floors[full] = scores_in(cells[full, k - 1])
        best = cells[:, :k]
        return (best & np.uint64(0xFFFF_FFFF)).astype(np.int64), scores_in(best)
