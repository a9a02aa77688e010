"""Nearest items to a vector: ScaNN for large catalogues, exact search below and as the fallback.

An index is used only if its recall against exact search, over sampled users, reaches the floor.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recsys_tasks.config import Config, IndexConfig, config_hash
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.retrieval._nearest import ties_by_key, top_scores
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.tower_inputs import Vectors
from recsys_tasks.snapshot.dataset import Snapshot


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Hide TensorFlow during an import: scann loads it if it can, 9 s and 500 MB that search never uses."""
    absent = object()
    loaded: Any = sys.modules.get("tensorflow", absent)
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if loaded is absent:
            del sys.modules["tensorflow"]
        else:
            sys.modules["tensorflow"] = loaded


with _without_tensorflow():
    import scann

KIND = "index"
SCORES_PER_BLOCK = 16_000_000
"""Scores that exact search holds at once (64 MB)."""
LEAF_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
"""Shares of the tree's leaves tried in turn until the recall floor is reached."""
REORDER = 1.2
"""Neighbours re-scored exactly, a wanted one: the build measures what that costs in recall."""
REORDER_AT_LEAST = 300
"""Neighbours re-scored exactly however few are wanted."""
TRAINING_ROWS = 100_000
"""Vectors that the tree and the codebooks are trained on, at most."""


class Searcher(Protocol):
    """Finds items by inner product."""

    def search(self, vectors: Vectors, k: int) -> tuple[Keys, Vectors]:
        """Nearest items of `vectors [n, d]`, best first: keys `[n, k] int32`, scores `[n, k] float32`.

        Equal scores are in key order. Where fewer than k are found, -1 and -inf fill the row's end.
        """
        ...


class ExactSearcher:
    """Every item is compared."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._keys, self._vectors = embeddings.item_keys, embeddings.item_vectors

    def search(self, vectors: Vectors, k: int) -> tuple[Keys, Vectors]:
        """See `Searcher`."""
        size = max(1, SCORES_PER_BLOCK // max(len(self._keys), 1))
        kept = min(k, len(self._keys))
        keys: Keys = np.full((len(vectors), k), -1, np.int32)
        scores: Vectors = np.full((len(vectors), k), -np.inf, np.float32)
        cells = np.empty(len(self._keys), np.uint64)
        for a in range(0, len(vectors), size):
            block = np.asarray(vectors[a : a + size] @ self._vectors.T, np.float32)
            top_scores(block, block.view(np.uint32), self._keys, kept, cells, keys[a : a + size], scores[a : a + size])
        return keys, scores


class ScannSearcher:
    """A tree of leaves with anisotropic codes, the best re-scored exactly (Guo et al. 2020)."""

    def __init__(self, keys: Keys, searcher: Any, leaves: int, threads: int) -> None:
        self._keys, self._searcher, self._leaves, self._threads = keys, searcher, leaves, threads
        searcher.set_num_threads(threads)

    def search(self, vectors: Vectors, k: int) -> tuple[Keys, Vectors]:
        """See `Searcher`."""
        kept = min(k, len(self._keys))
        if not len(vectors) or not kept:
            return _padded(np.zeros((len(vectors), 0), np.int32), np.zeros((len(vectors), 0), np.float32), k)
        search = self._searcher.search_batched_parallel if self._threads > 1 else self._searcher.search_batched
        queries = np.ascontiguousarray(vectors, np.float32)
        reordered = min(max(round(REORDER * kept), REORDER_AT_LEAST), len(self._keys))
        rows, scores = search(queries, kept, reordered, self._leaves)
        # ScaNN marks places it could not fill with NaN.
        found = np.isfinite(scores)
        keys = np.where(found, self._keys[np.where(found, rows, 0)], -1).astype(np.int32)
        near = np.where(found, scores, -np.inf).astype(np.float32)
        ties_by_key(keys, near)
        return _padded(keys, near, k)


def build_index(snapshot: Snapshot, embeddings: Embeddings, key: str) -> Artifact:
    """Build and measure the index over all embedded items; `facts["kind"]` says what serves, and why."""
    config, lake = snapshot.config, snapshot.lake
    inputs = {"embeddings": embeddings.artifact.content}
    settings = config_hash(config.index, config.resources)
    found = lake.find(KIND, key, lake.fingerprint(KIND, key, inputs, settings))
    if found is not None:
        return found
    with lake.writing(KIND, key, inputs=inputs, config=settings) as draft:
        facts = _build(config, embeddings, draft.path)
        (draft.path / "recall.json").write_text(json.dumps(facts, indent=1, sort_keys=True))
        draft.rows, draft.facts = len(embeddings.item_keys), facts
    assert draft.artifact is not None
    return draft.artifact


def open_index(artifact: Artifact, embeddings: Embeddings, threads: int = 1) -> Searcher:
    """The searcher of an `index` artifact, over the embeddings it was built from."""
    facts = json.loads(artifact.file("recall.json").read_text())
    if facts["kind"] == "exact":
        return ExactSearcher(embeddings)
    return _load(artifact.path / "scann", embeddings.item_keys, facts["leaves_to_search"], threads)


def _build(config: Config, embeddings: Embeddings, folder: Path) -> dict[str, Any]:
    index, m = config.index, len(embeddings.item_keys)
    facts: dict[str, Any] = {"kind": "exact", "items": m, "recall": 1.0, "recall_k": index.recall_k}
    if m < index.exact_below:
        return {**facts, "why": f"fewer than {index.exact_below} items"}
    leaves, threads = max(2, round(np.sqrt(m))), config.resources.threads
    searcher = _scann(embeddings.item_vectors, index.recall_k, leaves, threads)
    tried = _tune(searcher, embeddings, index, leaves, config)
    measured = {"leaves": leaves, "tried": tried}
    if not tried or tried[-1]["recall"] < index.recall_floor:
        best = tried[-1]["recall"] if tried else 0.0
        return {**facts, **measured, "why": f"recall of the index {best:.4f} is below {index.recall_floor}"}
    (folder / "scann").mkdir()
    searcher.serialize(str(folder / "scann"), relative_path=True)
    return {**facts, **measured, "kind": "scann", "why": "recall floor reached", **tried[-1]}


def _scann(vectors: Vectors, k: int, leaves: int, threads: int) -> Any:
    data = np.ascontiguousarray(vectors, np.float32)
    return (
        scann.scann_ops_pybind.builder(data, k, "dot_product")
        .set_n_training_threads(threads)
        .tree(
            num_leaves=leaves,
            num_leaves_to_search=max(1, leaves // 10),
            training_sample_size=min(len(data), TRAINING_ROWS),
        )
        .score_ah(2, anisotropic_quantization_threshold=0.2, training_sample_size=min(len(data), TRAINING_ROWS))
        .reorder(REORDER_AT_LEAST)
        .build()
    )


def _load(folder: Path, keys: Keys, leaves: int, threads: int) -> ScannSearcher:
    return ScannSearcher(keys, scann.scann_ops_pybind.load_searcher(str(folder)), leaves, threads)


def _tune(
    searcher: Any, embeddings: Embeddings, index: IndexConfig, leaves: int, config: Config
) -> list[dict[str, float | int]]:
    """Recall at growing numbers of searched leaves, up to the first that reaches the floor."""
    n = len(embeddings.user_keys)
    rng = np.random.default_rng(config.resources.seed)
    sample = np.sort(rng.permutation(n)[: index.sample_users])
    queries = np.asarray(embeddings.user_vectors[sample])
    truth, _ = ExactSearcher(embeddings).search(queries, index.recall_k)
    tried: list[dict[str, float | int]] = []
    for share in LEAF_SHARES if n else ():
        searched = max(1, round(leaves * share))
        candidate = ScannSearcher(embeddings.item_keys, searcher, searched, config.resources.threads)
        recall = neighbour_recall(truth, candidate.search(queries, index.recall_k)[0])
        tried.append({"leaves_to_search": searched, "recall": recall})
        if recall >= index.recall_floor:
            break
    return tried


def neighbour_recall(truth: Keys, found: Keys) -> float:
    """Mean share of each row of `truth [n, k]` that is in the same row of `found [n, k]`; -1 counts for nothing."""
    span = int(max(truth.max(initial=0), found.max(initial=0))) + 1
    rows = np.arange(len(truth))[:, None] * span
    wanted = truth >= 0
    hits = np.isin((truth + rows)[wanted], (found + rows)[found >= 0]).sum()
    return float(hits / max(int(wanted.sum()), 1))


def _padded(keys: Keys, scores: Vectors, k: int) -> tuple[Keys, Vectors]:
    room = ((0, 0), (0, k - keys.shape[1]))
    return np.pad(keys, room, constant_values=-1), np.pad(scores, room, constant_values=-np.inf)
