"""Order in everybody's sequences: how strongly the candidate comes after, and before, the items of
the user's history.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Float32, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.ranking.columns.base import Columns
from recsys_tasks.ranking.columns.block import CandidateRows
from recsys_tasks.ranking.inputs import RankingInputs

FADE = np.float32(0.9)
"""What an item of the history weighs beside the one that came after it."""


def _names(_: RankingInputs) -> list[str]:
    return [f"{way}_{of}" for way in ("follows", "precedes") for of in ("last", "most", "sum")]


def _fill(rows: CandidateRows, out: Float32) -> None:
    sequences = rows.block.inputs.sequences
    assert sequences is not None  # `needs`
    size = max(len(sequences.after), int(rows.items.max(initial=-1)) + 1)
    row_of = np.full(size, -1, np.int32)
    at = (rows.user_row, rows.items, rows.block.history)
    _beside_history(*at, (sequences.after, sequences.after_strength), row_of, out[:, :3])
    _beside_history(*at, (sequences.before, sequences.before_strength), row_of, out[:, 3:])


@kernel
def _beside_history(
    user_row: Keys,
    items: Keys,
    history: Keys,
    neighbours: tuple[Keys, Float32],
    row_of: Int32,
    out: Float32,
) -> None:
    """`out [rows, 3]`: strength beside the last item of `history [n, L]`, the largest strength
    beside any of it, and the sum, in which older items fade.

    `neighbours`: what comes after (or before) each item, and how strongly, `[m, t]` each, -1 pads.
    `row_of [n_items]`: all -1, and so again at the end; in between the row of each candidate of
    one user, so that a neighbour is found without a search.
    """
    others, strengths = neighbours
    out[:] = 0
    start = 0
    while start < len(user_row):
        user, stop = user_row[start], start
        while stop < len(user_row) and user_row[stop] == user:
            row_of[items[stop]] = stop
            stop += 1
        weight = np.float32(1.0)
        for h in range(history.shape[1]):
            past = history[user, h]
            if past < 0:
                break
            if past < len(others):
                _add_neighbours(others[past], strengths[past], h == 0, weight, row_of, out)
            weight *= FADE
        for r in range(start, stop):
            row_of[items[r]] = -1
        start = stop


@kernel
def _add_neighbours(
    others: Keys, strengths: Float32, last: bool, weight: np.float32, row_of: Int32, out: Float32
) -> None:
    for t in range(len(others)):
        if others[t] < 0:
            break
        r = row_of[others[t]]
        if r >= 0:
            out[r, 0] = strengths[t] if last else out[r, 0]
            out[r, 1] = max(out[r, 1], strengths[t])
            out[r, 2] += weight * strengths[t]


COLUMNS = Columns("sequence", 80, _names, _fill, light_order=50, needs=("sequences",))
