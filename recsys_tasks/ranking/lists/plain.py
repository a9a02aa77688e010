"""Lists without re-rank rules: the best allowed candidates, in one pass over a block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Float64, Int16, Int32, Int64
from recsys_tasks.kernels import kernel
from recsys_tasks.ranking.lists.order import packed
from recsys_tasks.retrieval.select import NOTHING, Cells


class Shown(NamedTuple):
    """`[n, k]` each, best first: item keys (-1 pads), scores (0 on pads), columns among the
    candidates (-1 on pads), 1-based ranks among the candidates (0 on pads), and propensities.
    """

    items: Int32
    scores: Float64
    columns: Int64
    ranks: Int16
    propensities: Float32


def best_allowed(items: Int32, scores: Float64, allowed: Bool, k: int) -> Shown:
    """Each row's best k, padded.

    `items`, `scores`, `allowed`: `[n, c]`; a score of -inf is no candidate. Ties go by item key.
    """
    shape = (len(items), k)
    out = Shown(
        items=np.full(shape, -1, np.int32),
        scores=np.zeros(shape),
        columns=np.full(shape, -1, np.int64),
        ranks=np.zeros(shape, np.int16),
        propensities=np.zeros(shape, np.float32),
    )
    cells = packed(scores, items)
    cells.sort(axis=1)  # several integers at once, with the processor's vector instructions
    column = np.empty(int(items.max(initial=0)) + 1, np.int32)
    _first_allowed(cells, items, scores, allowed, column, out)
    return out


@kernel
def _first_allowed(
    cells: Cells, items: Int32, scores: Float64, allowed: Bool, column: Int32, out: Shown
) -> None:
    """`cells [n, w]`: the candidates of each row, sorted (see `packed`); `column [n_items]`:
    working memory for the column of each item of one row, because a cell has the item only.
    """
    shown, values, columns, ranks, propensities = out
    k = shown.shape[1]
    for row in range(len(items)):
        for c in range(items.shape[1]):
            if items[row, c] >= 0:
                column[items[row, c]] = c
        place = 0
        for rank in range(cells.shape[1]):
            if place == k or cells[row, rank] == NOTHING:
                break
            item = np.int64(cells[row, rank] & np.uint64(0xFFFF_FFFF))
            c = column[item]
            if allowed[row, c]:
                shown[row, place] = item
                values[row, place] = scores[row, c]
                columns[row, place] = c
                ranks[row, place] = rank + 1
                propensities[row, place] = np.float32(1.0)
                place += 1
