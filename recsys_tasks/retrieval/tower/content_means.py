"""Id vectors for items that have none yet: those of the known items most like them in attribute
values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from recsys_tasks.arrays import Bool, Float32, Int32, Int64
from recsys_tasks.retrieval.candidates.content import unit_rows
from recsys_tasks.retrieval.select import top_ragged

NEIGHBOURS, SHARPNESS = 20, 2
"""Known items that an item without an id vector takes its from, each by this power of their
likeness.
"""
COMMON = 10_000
"""A value of more known items than this says too little to look for neighbours by."""
BLOCK = 256
"""Items whose similarities to all others are in memory at once."""


def content_means(values: Int32, vectors: Float32, known: Bool, items: Int64) -> Float32:
    """The mean over the twenty known items most like each of some `items`, by the square of their
    likeness, `[n, d]`.

    `values [m, v]`: rows of attribute values, 0 pads. Likeness is the cosine of two items' values,
    each counted by its rarity (log m / items with it). An item whose values are all common has
    thousands of items like it: then each value speaks by the mean of its known items. Items that
    share nothing get zeros: then the content alone places them.
    """
    result: Float32 = np.zeros((len(items), vectors.shape[1]), np.float32)
    if not len(items):
        return result
    shared = _Values.of(values, known)
    alone = np.ones(len(items), np.bool_)
    for start in range(0, len(items), BLOCK):
        block = slice(start, start + BLOCK)
        near, weight = shared.nearest(items[block])
        total = weight.sum(axis=1)
        alone[block] = total == 0
        result[block] = (
            np.einsum("nk,nkd->nd", weight, vectors[near]) / np.maximum(total, 1e-9)[:, None]
        )
    result[alone] = shared.means_of_values(vectors, items[alone])
    return result


@dataclass(frozen=True)
class _Values:
    """What each item has: `has [m, v]` of 0 and 1, and of each value how many known items have it
    and its rarity.
    """

    has: sp.csr_matrix
    known: Bool
    uses: Float32
    rarity: Float32
    rare: sp.csr_matrix
    """The same as rows of unit length by rarity, common values left out."""
    known_rare: sp.csr_matrix
    """Of known items, value by item."""

    @classmethod
    def of(cls, values: Int32, known: Bool) -> Self:
        m, width = values.shape
        rows = np.repeat(np.arange(m), width)
        has = sp.csr_matrix((np.ones(m * width, np.float32), (rows, values.ravel())))[:, 1:]
        uses = np.asarray(has[known].sum(axis=0)).ravel()
        rarity = np.where(uses > 0, np.log((1.0 + m) / np.maximum(uses, 1.0)), 0.0).astype(
            np.float32
        )
        rare = unit_rows(has @ sp.diags(np.where(uses <= COMMON, rarity, np.float32(0.0))))
        known_rare = sp.csr_matrix((sp.diags(known.astype(np.float32)) @ rare).T)
        return cls(has, known, uses, rarity, rare, known_rare)

    def nearest(self, items: Int64) -> tuple[Int64, Float32]:
        """`[n, NEIGHBOURS]` each: the known items most like these, and their weights; 0 where there
        are no more.
        """
        alike = sp.csr_matrix(self.rare[items] @ self.known_rare)
        near, likeness = top_ragged(
            alike.indptr.astype(np.int64), alike.indices, alike.data, NEIGHBOURS
        )
        return near.astype(np.int64), likeness**SHARPNESS

    def means_of_values(self, vectors: Float32, items: Int64) -> Float32:
        """Of each item, the mean over its values by rarity, each the mean of the known items with
        it, `[n, d]`.
        """
        if not len(items):
            return np.zeros((0, vectors.shape[1]), np.float32)
        totals = self.has[self.known].T @ vectors[self.known]
        means = (totals / np.maximum(self.uses, 1.0)[:, None]).astype(np.float32)
        weighted = self.has[items].multiply(self.rarity[None, :]).tocsr()
        return np.asarray(
            (weighted @ means) / np.maximum(np.asarray(weighted.sum(axis=1)), 1e-9), np.float32
        )
