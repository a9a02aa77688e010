"""Lists where no rule moves anything: the best of what is allowed, in one pass over a block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks.kernels import kernel
from recsys_tasks.ranking.lists.order import packed
from recsys_tasks.retrieval.select import NOTHING, Cells

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Items = npt.NDArray[np.int32]
Columns = tuple[
    Items, Floats, npt.NDArray[np.int64], npt.NDArray[np.int16], npt.NDArray[np.float32]
]


def best_allowed(items: Items, scores: Floats, allowed: Bools, k: int) -> Columns:
    """Items, scores, columns, ranks before and propensities `[n, k]` of each row's best, padded
    (see `Reranked`).

    `items`, `scores`, `allowed`: `[n, c]`; a score of -inf is no candidate. Ties go by item key.
    """
    shape = (len(items), k)
    out = (
        np.full(shape, -1, np.int32),
        np.zeros(shape),
        np.full(shape, -1, np.int64),
        np.zeros(shape, np.int16),
        np.zeros(shape, np.float32),
    )
    cells = packed(scores, items)
    cells.sort(axis=1)  # several integers at once, with the processor's vector instructions
    column = np.empty(int(items.max(initial=0)) + 1, np.int32)
    _first_allowed(cells, items, scores, allowed, column, *out)
    return out


@kernel
def _first_allowed(
    cells: Cells,
    items: Items,
    scores: Floats,
    allowed: Bools,
    column: npt.NDArray[np.int32],
    shown: Items,
    shown_scores: Floats,
    shown_columns: npt.NDArray[np.int64],
    ranks: npt.NDArray[np.int16],
    propensities: npt.NDArray[np.float32],
) -> None:
    for row in range(len(items)):
        for c in range(items.shape[1]):
            if items[row, c] >= 0:
                column[items[row, c]] = c
        place = 0
        for rank in range(cells.shape[1]):
            if place == shown.shape[1] or cells[row, rank] == NOTHING:
                break
            item = np.int64(cells[row, rank] & np.uint64(0xFFFF_FFFF))
            c = column[item]
            if allowed[row, c]:
                shown[row, place], shown_scores[row, place], shown_columns[row, place] = (
                    item,
                    scores[row, c],
                    c,
                )
                ranks[row, place], propensities[row, place] = rank + 1, np.float32(1.0)
                place += 1
