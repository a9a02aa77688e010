"""Vectors that a shop supplies of its items (of an image, a text, a sound), as the item tower reads
them.

Less their centre, the mean of those that the lineage's first training with any knew, and of unit
length: a scale and an offset of the encoder's own say nothing of an item. A vocabulary keeps the
centres; like bucket edges, they never move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from recsys_tasks.arrays import Float32
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.tower.inputs import Vocabulary
from recsys_tasks.snapshot.dataset import Snapshot

Supplied = Mapping[str, Float32]
"""Attribute → `[m, dimensions]` by item key: of unit length, zero where an item has none."""
NOISE = 1e-6
"""A vector nearer to its centre than this share of the centre's length differs from it by rounding
alone.
"""
BLOCK = 8192


def extend_centres(
    known: Vocabulary, snapshot: Snapshot, existing: Keys
) -> tuple[Vocabulary, Supplied]:
    """The vocabulary with a centre, over the items `existing`, of each attribute without one; all
    items' vectors.

    `existing [k] int32`.
    """
    centres, supplied = dict(known.centres), {}
    for attribute in snapshot.config.items.vector_attributes:
        vectors = snapshot.item_vectors(attribute)
        mean = _mean(vectors, existing) if attribute.name not in centres else None
        if mean is not None:
            centres[attribute.name] = tuple(mean.tolist())
        centre = np.array(centres.get(attribute.name, (0.0,) * vectors.shape[1]), np.float32)
        supplied[attribute.name] = standardise(vectors, centre)
    return replace(known, centres=centres), supplied


def supplied_vectors(vocabulary: Vocabulary, snapshot: Snapshot) -> Supplied:
    """All items' vectors by the centres of a vocabulary; one without a centre has no projection
    either.
    """
    _, supplied = extend_centres(vocabulary, snapshot, np.empty(0, np.int32))
    return supplied


def standardise(vectors: Float32, centre: Float32) -> Float32:
    """`[m, dimensions]`, NaN where missing, changed in place: less the `centre`, of unit length or
    zero.
    """
    vectors[np.isnan(vectors[:, 0])] = centre
    vectors -= centre
    # Squares as float64: those of an encoder's large numbers are past what float32 can hold.
    length = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    alike = length <= NOISE * np.linalg.norm(centre.astype(np.float64))
    vectors[alike] = 0.0
    vectors /= np.where(alike, 1.0, length)[:, None]
    return vectors


def _mean(vectors: Float32, rows: Keys) -> Float32 | None:
    """Mean of those rows that are not missing, `[dimensions] float32`; None without any."""
    total, count = np.zeros(vectors.shape[1]), 0
    for start in range(0, len(rows), BLOCK):
        block = vectors[rows[start : start + BLOCK]]
        there = block[~np.isnan(block[:, 0])]
        total += there.sum(axis=0, dtype=np.float64)
        count += len(there)
    return (total / count).astype(np.float32) if count else None
