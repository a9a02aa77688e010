"""Kernels: the dot product of each user's vector with its candidates' vectors, and the rank and
standardised value of each product among those of the user.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import dot, kernel
from recsys_tasks.retrieval.select import NOTHING, Bits, Cells, rising


@kernel
def dots(
    users: Float32, known: Bool, items: Keys, item_row: Int32, vectors: Float32, out: Float32
) -> None:
    """`out [n, c]`: dot of each user's vector `users [n, d]` with the vectors of its candidates
    `items [n, c]`; NaN where either has none.

    `known [n]`: whether the user has a vector; `item_row [n_items]`: an item's row of `vectors
    [m, d]`, -1 for none.
    """
    for u in range(len(items)):
        for c in range(items.shape[1]):
            at = item_row[items[u, c]] if items[u, c] >= 0 else -1
            out[u, c] = dot(users, u, vectors, at) if known[u] and at >= 0 else np.nan


def standing(scores: Float32, absent: int, ranks: Float32, standard: Float32) -> None:
    """Per row of `scores [n, c]` (NaN: unknown): its rank from 0, ties by column, and its distance
    from the row's mean in standard deviations, into `ranks` and `standard`, both `[n, c]`.

    An unknown score has the rank `absent` and no distance.
    """
    cells = np.empty(scores.shape, np.uint64)
    _pack(scores, scores.view(np.uint32), cells)
    cells.sort(axis=1)
    _standardise(scores, cells, absent, ranks, standard)


@kernel
def _pack(scores: Float32, bits: Bits, cells: Cells) -> None:
    """Score and column as one integer: sorting integers sorts by score, largest first, and then by
    column, several at once.
    """
    for u in range(len(scores)):
        for c in range(scores.shape[1]):
            known = not np.isnan(scores[u, c])
            cells[u, c] = (
                (np.uint64(~rising(bits[u, c])) << np.uint64(32)) | np.uint64(c)
                if known
                else NOTHING
            )


@kernel
def _standardise(
    scores: Float32, cells: Cells, absent: int, ranks: Float32, standard: Float32
) -> None:
    width = scores.shape[1]
    for u in range(len(scores)):
        count, total = 0, 0.0
        while count < width and cells[u, count] != NOTHING:
            column = np.int64(cells[u, count] & np.uint64(0xFFFF_FFFF))
            ranks[u, column] = count
            total += scores[u, column]
            count += 1
        mean, squares = total / max(count, 1), 0.0
        for c in range(width):
            if not np.isnan(scores[u, c]):
                squares += (scores[u, c] - mean) ** 2
        deviation = np.sqrt(squares / max(count, 1))
        for c in range(width):
            if np.isnan(scores[u, c]):
                ranks[u, c] = absent
                standard[u, c] = np.nan
            else:
                standard[u, c] = (scores[u, c] - mean) / (deviation if deviation > 1e-9 else 1.0)
