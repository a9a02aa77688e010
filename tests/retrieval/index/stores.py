"""Unit vectors and a lake, for tests of the index."""

from __future__ import annotations

import numpy as np

from recsys_tasks.lake import Lake
from recsys_tasks.retrieval.embeddings import Embeddings, open_embeddings

M, N, D = 30_000, 200, 16


def unit(vectors: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled.astype(np.float32)


def store(lake: Lake, items: np.ndarray, users: np.ndarray, key: str) -> Embeddings:
    with lake.writing("embeddings", key) as draft:
        np.save(
            draft.path / "item_keys.npy", np.arange(len(items), dtype=np.int32) * 2
        )  # keys are not rows
        np.save(draft.path / "item_vectors.npy", items)
        np.save(draft.path / "user_keys.npy", np.arange(len(users), dtype=np.int32))
        np.save(draft.path / "user_vectors.npy", users)
    assert draft.artifact is not None
    return open_embeddings(draft.artifact)
