"""Places of a row's entries by score, ties by item key: the whole order, or its first few.

Scores are compared as the float32 numbers that are published.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.retrieval.select import Bits, Cells, Floats, first_sorted, rising

Longs = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating[Any]]


def in_order(scores: Scores, items: Keys) -> Longs:
    """`[n, w]` columns of `scores [n, c]`, best first, ties by item; what is -inf or NaN is left out, -1 pads.

    w is the longest row's length.
    """
    return _ordered(scores, items, scores.shape[1])


def best(scores: Scores, items: Keys, limit: int) -> npt.NDArray[np.bool_]:
    """`[n, c]`: the first `limit` of each row in that order."""
    order = _ordered(scores, items, limit)
    keep = np.zeros((len(scores), scores.shape[1] + 1), bool)  # pads mark the column too many
    np.put_along_axis(keep, order, True, axis=1)
    return keep[:, :-1]


def _ordered(scores: Scores, items: Keys, limit: int) -> Longs:
    narrow = np.ascontiguousarray(scores, np.float32)
    order: Longs = np.full((len(narrow), min(limit, narrow.shape[1])), -1, np.int64)
    cells = np.empty(narrow.shape[1], np.uint64)
    column = np.empty(int(items.max(initial=0)) + 1, np.int32)
    width = _order_rows(narrow, narrow.view(np.uint32), items, cells, column, order)
    return order[:, :width]


@kernel
def _order_rows(
    scores: Floats, bits: Bits, items: Keys, cells: Cells, column: npt.NDArray[np.int32], order: Longs
) -> int:
    """Fill each row of `order` as far as it goes; returns the longest row's length."""
    longest = 0
    for row in range(len(scores)):
        count = 0
        for c in range(scores.shape[1]):
            if scores[row, c] > -np.inf:
                item = items[row, c]
                cells[count] = (np.uint64(~rising(bits[row, c])) << np.uint64(32)) | np.uint64(item)
                column[item] = c
                count += 1
        kept = first_sorted(cells, count, order.shape[1])
        for place in range(kept):
            order[row, place] = column[np.int64(cells[place] & np.uint64(0xFFFF_FFFF))]
        longest = max(longest, kept)
    return longest
