"""Maximal marginal relevance: each next item is the best trade of its score against its likeness to
those before it.

Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking for reordering documents".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy import sparse

from recsys_tasks.arrays import Bool, Float32, Float64, Int32, Int64
from recsys_tasks.kernels import dot, kernel

POOL = 4
"""Items compared, for each rank to fill: a much worse score is not made up for by being different.
"""
PROMOTED, NORMAL = 0, 1


@dataclass(frozen=True)
class Likeness:
    """Cosine of items, from rows of unit length: dense vectors, or sparse ones as CSR parts.

    `row [n_items]`: an item's row, -1 where it has none and is like nothing.
    """

    row: Int32
    vectors: Float32
    starts: Int32
    columns: Int32

    @classmethod
    def of_vectors(cls, row: Int32, vectors: Float32) -> Self:
        """By the tower's vectors `[m, d]`, of any length."""
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        none = np.empty(0, np.int32)
        return cls(row, np.asarray(vectors / np.maximum(norms, 1e-12), np.float32), none, none)

    @classmethod
    def of_content(cls, content: sparse.csr_matrix) -> Self:
        """By attributes `[n_items, v]`, rows of unit length or empty."""
        row = np.where(np.diff(content.indptr) > 0, np.arange(content.shape[0]), -1)
        values = np.ascontiguousarray(content.data, np.float32)[:, None]
        starts, columns = content.indptr.astype(np.int32), content.indices.astype(np.int32)
        return cls(row.astype(np.int32), values, starts, columns)

    @property
    def width(self) -> int:
        """Room that one sparse row needs when it is written out; 0 for dense ones."""
        return int(self.columns.max(initial=-1)) + 1


def diversified(
    items: Int32,
    scores: Float64,
    kind: Int64,
    first: int,
    diversity: float,
    likeness: Likeness,
) -> Int64:
    """`[n, e]`: order of each row's entries whose first places trade score for diversity.

    Entries come in serving order: promoted ones (kind 0) stay in front and count as shown, those of
    kind 1 compete for what is left of the first places, the others follow as they were. Scores are
    first stretched to [0, 1] over the competing entries; `diversity` in [0, 1] is the weight 1 - λ
    of the largest cosine with an item before.
    """
    order: Int64 = np.empty(items.shape, np.int64)
    buffer: Float32 = np.zeros(likeness.width, np.float32)
    vectors = _Vectors(likeness.row, likeness.vectors, likeness.starts, likeness.columns, buffer)
    weight = np.float32(diversity)
    _diversify(items, scores.astype(np.float32), kind, first, weight, vectors, order)
    return order


class _Vectors(NamedTuple):
    """A Likeness as a kernel takes it, and a `buffer [width]` that is all 0 between two calls."""

    row: Int32
    vectors: Float32
    starts: Int32
    columns: Int32
    buffer: Float32


@kernel
def _diversify(
    items: Int32,
    scores: Float32,
    kind: Int64,
    first: int,
    diversity: np.float32,
    vectors: _Vectors,
    order: Int64,
) -> None:
    width = items.shape[1]
    pool, near = np.empty(width, np.int64), np.empty(width, np.float32)
    used = np.empty(width, np.bool_)
    for u in range(len(items)):
        used[:] = False
        count = _rivals(kind[u], POOL * first, pool)
        near[:count] = np.float32(-1.0)  # the largest cosine with an item before: none yet
        filled = 0
        for c in range(width):
            if kind[u, c] == PROMOTED and filled < first:
                order[u, filled] = c
                used[c] = True
                filled += 1
                _compare(items[u, c], items[u], pool[:count], near, vectors)
        while filled < first:
            c = _next(scores[u], pool[:count], used, near, diversity)
            if c < 0:
                break
            order[u, filled] = c
            used[c] = True
            filled += 1
            if filled < first:
                _compare(items[u, c], items[u], pool[:count], near, vectors)
        for c in range(width):
            if not used[c]:
                order[u, filled] = c
                filled += 1


@kernel
def _rivals(kind: Int64, most: int, pool: Int64) -> int:
    """The first entries of kind NORMAL into `pool`; returns how many they are."""
    count = 0
    for c in range(len(kind)):
        if kind[c] == NORMAL and count < most:
            pool[count] = c
            count += 1
    return count


@kernel
def _next(scores: Float32, pool: Int64, used: Bool, near: Float32, diversity: np.float32) -> int:
    """The entry with the largest margin, the first of equal ones; -1 when all are used."""
    best, most = -1, np.float32(-np.inf)
    if len(pool) == 0:
        return best
    lowest = scores[pool[len(pool) - 1]]
    spread = max(scores[pool[0]] - lowest, np.float32(1e-12))
    for p in range(len(pool)):
        if not used[pool[p]]:
            relevance = (scores[pool[p]] - lowest) / spread
            margin = (np.float32(1.0) - diversity) * relevance - diversity * near[p]
            if margin > most:
                best, most = pool[p], margin
    return best


@kernel
def _compare(chosen: int, items: Int32, pool: Int64, near: Float32, like: _Vectors) -> None:
    """Raise `near [pool]` to each entry's cosine with the chosen item.

    A sparse row is written out to the buffer, so that a product with another is one look-up a
    value, and wiped again.
    """
    starts, columns, vectors, buffer = like.starts, like.columns, like.vectors, like.buffer
    mine = like.row[chosen]
    if mine >= 0 and len(starts):
        for k in range(starts[mine], starts[mine + 1]):
            buffer[columns[k]] = vectors[k, 0]
    for p in range(len(pool)):
        other, alike = like.row[items[pool[p]]], np.float32(0.0)
        if mine >= 0 and other >= 0:
            if len(starts):
                for k in range(starts[other], starts[other + 1]):
                    alike += vectors[k, 0] * buffer[columns[k]]
            else:
                alike = dot(vectors, mine, vectors, other)
        near[p] = max(near[p], alike)
    if mine >= 0 and len(starts):
        for k in range(starts[mine], starts[mine + 1]):
            buffer[columns[k]] = np.float32(0.0)
