"""Sort the entries of each row by score, ties by item key: the whole order, or its first few.

Scores are compared as the float32 numbers that are published. An entry is packed into one unsigned
integer, its cell: the score's bits in the upper half, turned so that a better score is a smaller
number, and the item key in the lower one. Sorting integers is several times faster than sorting
columns by two keys.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import AnyFloat, Bool, Float32, Float64, Int32, Int64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.retrieval.select import NOTHING, Bits, Cells, rising, sorted_rows


def by_score(scores: AnyFloat, items: Keys) -> Int64:
    """`[n, w] int64`: the columns of `scores [n, c]`, best score first, ties by item key, -1 pads.
    Scores that are -inf or NaN are left out; w is the length of the longest row.
    """
    cells = _cells(scores, items)
    width = int((cells != NOTHING).sum(axis=1).max(initial=0))
    order: Int64 = np.full((len(cells), width), -1, np.int64)
    if order.size:
        column = np.empty(int(items.max(initial=0)) + 1, np.int32)
        _columns_of(sorted_rows(cells, width), items, column, order)
    return order


def best(scores: AnyFloat, items: Keys, limit: int) -> Bool:
    """`[n, c]`: whether an entry is among the first `limit` of its row, ordered as `by_score`."""
    cells = _cells(scores, items)
    if limit >= cells.shape[1]:
        return np.asarray(cells != NOTHING)
    last = np.partition(cells, limit - 1, axis=1)[:, limit - 1 : limit]
    return np.asarray((cells <= last) & (cells != NOTHING))


def packed(scores: AnyFloat, items: Keys) -> Cells:
    """`[n, w]`: the cells of each row's candidates at its front, not sorted; w is the number of
    candidates of the longest row.
    """
    narrow = np.ascontiguousarray(scores, np.float32)
    cells = np.empty(narrow.shape, np.uint64)
    return cells[:, : _pack_front(narrow, narrow.view(np.uint32), items, cells)]


@kernel
def _pack_front(scores: Float32, bits: Bits, items: Keys, cells: Cells) -> int:
    widest = 0
    for row in range(len(scores)):
        width = 0
        for c in range(scores.shape[1]):
            if items[row, c] >= 0 and scores[row, c] > -np.inf:
                cells[row, width] = (np.uint64(~rising(bits[row, c])) << np.uint64(32)) | np.uint64(
                    items[row, c]
                )
                width += 1
        cells[row, width:] = NOTHING
        widest = max(widest, width)
    return widest


@kernel
def scatter(row: Keys, column: Keys, values: Float64, out: Float64) -> None:
    """`out[row, column] = values`."""
    for r in range(len(row)):
        out[row[r], column[r]] = values[r]


def _cells(scores: AnyFloat, items: Keys) -> Cells:
    """`[n, c]` cells that sort as the entries do."""
    narrow = np.ascontiguousarray(scores, np.float32)
    cells = np.empty(narrow.shape, np.uint64)
    _pack(narrow, narrow.view(np.uint32), items, cells)
    return cells


@kernel
def _pack(scores: Float32, bits: Bits, items: Keys, cells: Cells) -> None:
    for row in range(len(scores)):
        for c in range(scores.shape[1]):
            cells[row, c] = NOTHING
            if scores[row, c] > -np.inf:
                cells[row, c] = (np.uint64(~rising(bits[row, c])) << np.uint64(32)) | np.uint64(
                    items[row, c]
                )


@kernel
def _columns_of(cells: Cells, items: Keys, column: Int32, order: Int64) -> None:
    for row in range(len(cells)):
        for c in range(items.shape[1]):
            if items[row, c] >= 0:
                column[items[row, c]] = c
        for rank in range(cells.shape[1]):
            if cells[row, rank] == NOTHING:
                break
            order[row, rank] = column[np.int64(cells[row, rank] & np.uint64(0xFFFF_FFFF))]
