"""The nearest of each row by score, whatever their signs; equal scores in key order."""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import AnyInt, Float32, Int64, UInt32, UInt64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.retrieval.select import first_sorted, rising

_HALF = np.uint64(32)
_SIGN = np.uint32(0x8000_0000)


@kernel
def keep_best(
    scores: Float32, bits: UInt32, first: int, k: int, floors: Float32, cells: UInt64, counts: Int64
) -> None:
    """Of each row of `cells [n, room]` and a further tile of scores, the k best, sorted, at the
    row's front.

    `scores [n, t]` (`bits`: the same numbers' bits) are of places `first`, `first + 1`, …, behind
    all that came before; `counts [n]` cells of a row are taken. `floors [n]`: scores up to it
    cannot be among the k best, for the k-th so far is as good and has an earlier place.
    """
    for row in range(len(scores)):
        count, floor = counts[row], floors[row]
        for column in range(scores.shape[1]):
            if scores[row, column] > floor:
                cells[row, count] = (np.uint64(~rising(bits[row, column])) << _HALF) | np.uint64(
                    first + column
                )
                count += 1
                if count == cells.shape[1]:
                    count = first_sorted(cells[row], count, k)
        counts[row] = first_sorted(cells[row], count, k)


def scores_in(cells: UInt64) -> Float32:
    """The score that each cell stands for: the inverse of `rising`.

    uint64 of any shape, `[n, k]` as a rule; the scores are float32 of that shape.
    """
    code = ~(cells >> _HALF).astype(np.uint32)
    return np.where(code & _SIGN, code & ~_SIGN, ~code).astype(np.uint32).view(np.float32)


@kernel
def named(rows: AnyInt, scores: Float32, known: Keys, keys: Keys, near: Float32) -> None:
    """Keys `known[rows]` and scores of what was found; -1 and -inf where a score is no number, and
    behind all.
    """
    for row in range(len(keys)):
        for at in range(keys.shape[1]):
            keys[row, at], near[row, at] = -1, -np.inf
            if at < scores.shape[1] and np.isfinite(scores[row, at]):
                keys[row, at], near[row, at] = known[rows[row, at]], scores[row, at]


@kernel
def ties_by_key(keys: Keys, scores: Float32) -> None:
    """Rows that are nearly in order: by descending score, then ascending key.

    `keys [n, k] int32`, `scores [n, k] float32`, both changed in place.
    """
    for row in range(len(keys)):
        for at in range(1, keys.shape[1]):
            key, score, to = keys[row, at], scores[row, at], at
            while to > 0 and (
                scores[row, to - 1] < score
                or (scores[row, to - 1] == score and keys[row, to - 1] > key)
            ):
                keys[row, to], scores[row, to] = keys[row, to - 1], scores[row, to - 1]
                to -= 1
            keys[row, to], scores[row, to] = key, score
