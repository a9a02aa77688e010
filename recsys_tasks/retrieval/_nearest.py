"""The nearest of each row by score, whatever their signs; equal scores in key order."""

from __future__ import annotations

import numpy as np

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.retrieval.select import Bits, Cells, Floats, first_sorted, rising


@kernel
def top_scores(scores: Floats, bits: Bits, known: Keys, k: int, cells: Cells, keys: Keys, best: Floats) -> None:
    """The k largest of `scores [n, m]` (`bits`: the same numbers' bits) as keys and scores; `known [m]` ascends."""
    for row in range(len(scores)):
        for column in range(scores.shape[1]):
            cells[column] = (np.uint64(~rising(bits[row, column])) << np.uint64(32)) | np.uint64(column)
        for place in range(first_sorted(cells, scores.shape[1], k)):
            found = np.int64(cells[place] & np.uint64(0xFFFF_FFFF))
            keys[row, place] = known[found]
            best[row, place] = scores[row, found]


@kernel
def ties_by_key(keys: Keys, scores: Floats) -> None:
    """Rows that are nearly in order: by descending score, then ascending key."""
    for row in range(len(keys)):
        for at in range(1, keys.shape[1]):
            key, score, to = keys[row, at], scores[row, at], at
            while to > 0 and (
                scores[row, to - 1] < score or (scores[row, to - 1] == score and keys[row, to - 1] > key)
            ):
                keys[row, to], scores[row, to] = keys[row, to - 1], scores[row, to - 1]
                to -= 1
            keys[row, to], scores[row, to] = key, score
