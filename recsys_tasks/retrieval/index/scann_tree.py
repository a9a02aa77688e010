"""ScaNN without TensorFlow: import, build, keep and search. The only module that imports it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys_tasks.arrays import Float32
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.index.nearest import named, ties_by_key

REORDER_AT_LEAST = 300
"""Neighbours re-scored exactly however few are wanted."""
LEAST_ITEMS = 16
"""A code has four bits: as many centres, and each wants an item of its own to start from."""
TRAINING_ROWS = 200_000
"""Vectors that the tree and the codebooks are trained on, at most."""
THREAD_ROWS = 256
"""Queries that a thread takes at once, at most."""


@contextmanager
def without_tensorflow() -> Iterator[None]:
    """Hide TensorFlow during an import: scann loads it if it can, 9 s and 500 MB that search never
    uses.

    Afterwards the module table says of TensorFlow what it said before, whatever happened inside.
    """
    absent = object()
    loaded: Any = sys.modules.get("tensorflow", absent)
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if loaded is absent:
            sys.modules.pop("tensorflow", None)
        else:
            sys.modules["tensorflow"] = loaded


with without_tensorflow():
    import scann


@dataclass(frozen=True)
class Tree:
    """How an index is built: `leaves` of the tree, `block` dimensions that share one 4-bit code."""

    leaves: int
    block: int


@dataclass(frozen=True)
class Effort:
    """How it is searched: leaves opened, and neighbours re-scored exactly for each wanted one."""

    leaves: int
    reorder: float

    def reordered(self, k: int) -> int:
        """Neighbours re-scored where k are wanted."""
        return max(round(self.reorder * k), REORDER_AT_LEAST)


def build_tree(vectors: Float32, k: int, tree: Tree, threads: int) -> Any:
    """A tree of leaves with anisotropic codes (Guo et al. 2020) over `vectors [m, d]`, by inner
    product.

    Centres of leaves have length one: those of plain k-means are the shorter the wider their leaf,
    so that wide leaves are opened too seldom. On a million vectors of a tower this finds as much in
    about two thirds of the time.
    """
    data = np.ascontiguousarray(vectors, np.float32)
    sample = min(len(data), TRAINING_ROWS)
    return (
        scann.scann_ops_pybind.builder(data, k, "dot_product")
        .set_n_training_threads(threads)
        .tree(tree.leaves, max(1, tree.leaves // 10), training_sample_size=sample, spherical=True)
        .score_ah(tree.block, anisotropic_quantization_threshold=0.2, training_sample_size=sample)
        .reorder(REORDER_AT_LEAST)
        .build()
    )


def load_tree(folder: Path) -> Any:
    """What `searcher.serialize(folder)` kept."""
    return scann.scann_ops_pybind.load_searcher(str(folder))


class ScannSearcher:
    """Opens some leaves, ranks by codes, and re-scores the best exactly."""

    def __init__(self, keys: Keys, searcher: Any, effort: Effort, threads: int) -> None:
        self._keys, self._searcher, self._effort, self._threads = keys, searcher, effort, threads
        searcher.set_num_threads(threads)

    def search(self, vectors: Float32, k: int) -> tuple[Keys, Float32]:
        """See `index.Searcher`.

        `vectors [n, d] float32`; `[n, k]` keys int32 and scores float32.
        """
        keys, near = np.empty((len(vectors), k), np.int32), np.empty((len(vectors), k), np.float32)
        kept = min(k, len(self._keys))
        if len(vectors) and kept:
            rows, scores = self.near(np.ascontiguousarray(vectors, np.float32), kept)
        else:
            rows, scores = (
                np.zeros((len(vectors), 0), np.int32),
                np.zeros((len(vectors), 0), np.float32),
            )
        named(rows, scores, self._keys, keys, near)
        ties_by_key(keys, near)
        return keys, near

    def near(self, queries: Float32, k: int) -> tuple[Any, Any]:
        """What ScaNN itself finds for `queries [n, d] float32`: rows of the tree and scores, both
        `[n, k]`, before ties are put in order.
        """
        reordered = min(self._effort.reordered(k), len(self._keys))
        if self._threads == 1:
            return self._searcher.search_batched(queries, k, reordered, self._effort.leaves)
        share = min(THREAD_ROWS, -(-len(queries) // self._threads))
        return self._searcher.search_batched_parallel(
            queries, k, reordered, self._effort.leaves, share
        )
