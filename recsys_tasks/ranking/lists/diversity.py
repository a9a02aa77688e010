"""Maximal marginal relevance: each next item is the best trade of its score against its likeness to
those before it.

Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking for reordering documents".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.kernels import dot, kernel

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Items = npt.NDArray[np.int32]

POOL = 4
"""Items compared, for each place to fill: a much worse score is not made up for by being different.
"""
PROMOTED, NORMAL = 0, 1


@dataclass(frozen=True)
class Likeness:
    """Cosine of items, from rows of unit length: dense vectors, or sparse ones as CSR parts.

    `place [n_items]`: an item's row, -1 where it has none and is like nothing.
    """

    place: npt.NDArray[np.int32]
    vectors: Floats
    starts: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]

    @classmethod
    def of_vectors(cls, place: npt.NDArray[np.int32], vectors: Floats) -> Self:
        """By the tower's vectors `[m, d]`, of any length."""
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        none = np.empty(0, np.int32)
        return cls(place, np.asarray(vectors / np.maximum(norms, 1e-12), np.float32), none, none)

    @classmethod
    def of_content(cls, content: sparse.csr_matrix) -> Self:
        """By attributes `[n_items, v]`, rows of unit length or empty."""
        place = np.where(np.diff(content.indptr) > 0, np.arange(content.shape[0]), -1).astype(
            np.int32
        )
        values = np.ascontiguousarray(content.data, np.float32)[:, None]
        return cls(place, values, content.indptr.astype(np.int32), content.indices.astype(np.int32))

    @property
    def width(self) -> int:
        """Room that one sparse row needs when it is written out; 0 for dense ones."""
        return int(self.columns.max(initial=-1)) + 1


def diversified(
    items: Items,
    scores: npt.NDArray[np.float64],
    kind: Places,
    first: int,
    diversity: float,
    likeness: Likeness,
) -> Places:
    """`[n, e]`: order of each row's entries whose first places trade score for diversity.

    Entries come in serving order: promoted ones (kind 0) stay in front and count as shown, those of
    kind 1 compete for what is left of the first places, the others follow as they were. Scores are
    first stretched to [0, 1] over the competing entries; `diversity` in [0, 1] is the weight 1 - λ
    of the largest cosine with an item before.
    """
    order: Places = np.empty(items.shape, np.int64)
    buffer: Floats = np.zeros(likeness.width, np.float32)
    parts = (likeness.place, likeness.vectors, likeness.starts, likeness.columns, buffer)
    _diversify(items, scores.astype(np.float32), kind, first, np.float32(diversity), *parts, order)
    return order


@kernel
def _diversify(
    items: Items,
    scores: Floats,
    kind: Places,
    first: int,
    diversity: np.float32,
    place: npt.NDArray[np.int32],
    vectors: Floats,
    starts: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    buffer: Floats,
    order: Places,
) -> None:
    width = items.shape[1]
    pool, near, used = (
        np.empty(width, np.int64),
        np.empty(width, np.float32),
        np.empty(width, np.bool_),
    )
    for u in range(len(items)):
        used[:] = False
        count = _rivals(kind[u], POOL * first, pool)
        near[:count] = np.float32(-1.0)
        filled = 0
        for c in range(width):
            if kind[u, c] == PROMOTED and filled < first:
                order[u, filled] = c
                used[c] = True
                filled += 1
                _compare(
                    items[u, c],
                    items[u],
                    pool[:count],
                    near,
                    place,
                    vectors,
                    starts,
                    columns,
                    buffer,
                )
        while filled < first:
            c = _next(scores[u], pool[:count], used, near, diversity)
            if c < 0:
                break
            order[u, filled] = c
            used[c] = True
            filled += 1
            if filled < first:
                _compare(
                    items[u, c],
                    items[u],
                    pool[:count],
                    near,
                    place,
                    vectors,
                    starts,
                    columns,
                    buffer,
                )
        for c in range(width):
            if not used[c]:
                order[u, filled] = c
                filled += 1


@kernel
def _rivals(kind: Places, most: int, pool: Places) -> int:
    """The first entries of kind NORMAL into `pool`; returns how many they are."""
    count = 0
    for c in range(len(kind)):
        if kind[c] == NORMAL and count < most:
            pool[count] = c
            count += 1
    return count


@kernel
def _next(
    scores: Floats, pool: Places, used: npt.NDArray[np.bool_], near: Floats, diversity: np.float32
) -> int:
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
def _compare(
    chosen: int,
    items: Items,
    pool: Places,
    near: Floats,
    place: npt.NDArray[np.int32],
    vectors: Floats,
    starts: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    buffer: Floats,
) -> None:
    """Raise `near [pool]` to each entry's cosine with the chosen item; `buffer` is all 0, and so
    again at the end.
    """
    mine = place[chosen]
    if mine >= 0 and len(starts):
        for k in range(starts[mine], starts[mine + 1]):
            buffer[columns[k]] = vectors[k, 0]
    for p in range(len(pool)):
        other, alike = place[items[pool[p]]], np.float32(0.0)
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
