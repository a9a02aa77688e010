"""Similarity of the tower's item vectors: the candidate with the user's last item, the most similar
one of the history, and the history's mean.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Float32, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import dot, kernel
from recsys_tasks.ranking.columns.base import Columns
from recsys_tasks.ranking.columns.block import CandidateRows
from recsys_tasks.ranking.columns.history import read_history, touch_vectors
from recsys_tasks.ranking.inputs import RankingInputs


def _names(_: RankingInputs) -> tuple[str, ...]:
    return ("similar_to_last", "similar_most", "similar_mean")


def _fill(rows: CandidateRows, out: Float32) -> None:
    inputs = rows.block.inputs
    vectors = inputs.embeddings.item_vectors
    _to_history(rows.user_row, rows.items, rows.block.history, inputs.item_row, vectors, out)


@kernel
def _to_history(
    user_row: Keys, items: Keys, history: Keys, item_row: Int32, vectors: Float32, out: Float32
) -> None:
    """`out [rows, 3]`: dot with the last item of `history [n, L]` (newest first, -1 pads), the
    largest and the mean dot over it; NaN where an item or the whole history has no vector.

    Rows of one user stand together; `item_row [n_items]`: an item's row of `vectors [m, d]`.
    """
    past = np.empty((history.shape[1], vectors.shape[1]), np.float32)
    kept, seen = np.empty(history.shape[1], np.int32), np.empty(1, np.float32)
    start = 0
    while start < len(user_row):
        user, stop = user_row[start], start
        while stop < len(user_row) and user_row[stop] == user:
            stop += 1
        known = read_history(history[user], item_row, vectors, past, kept)
        if known == 0:
            out[start:stop] = np.nan
        else:
            seen[0] = touch_vectors(items[start:stop], item_row, vectors)
            has_last = kept[0] == history[user, 0]
            _to_past(items[start:stop], item_row, vectors, past[:known], has_last, out[start:stop])
        start = stop


@kernel
def _to_past(
    items: Keys, item_row: Int32, vectors: Float32, past: Float32, has_last: bool, out: Float32
) -> None:
    """The same of one user; `past [known, d]`: the history's vectors, `has_last`: whether the
    first of them is the last item's.
    """
    known = len(past)
    for r in range(len(items)):
        mine = item_row[items[r]]
        if mine < 0:
            out[r, 0] = out[r, 1] = out[r, 2] = np.nan
            continue
        most, total, first = np.float32(-np.inf), np.float32(0.0), np.float32(0.0)
        for h in range(known):
            near = dot(vectors, mine, past, h)
            first = near if h == 0 else first
            most = max(most, near)
            total += near
        out[r, 0] = first if has_last else np.nan
        out[r, 1] = most
        out[r, 2] = total / np.float32(known)


COLUMNS = Columns("similar", 70, _names, _fill)
