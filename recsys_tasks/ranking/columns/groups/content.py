"""Content similarity (declared attributes): the candidate with the user's last item, and with the
history's mean.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recsys_tasks.arrays import Float32, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.ranking.columns.base import Columns
from recsys_tasks.ranking.columns.block import CandidateRows
from recsys_tasks.ranking.inputs import RankingInputs


class SparseRows(NamedTuple):
    """Items' content as CSR parts: item i's are `values[starts[i]:starts[i + 1]]`, in `columns`."""

    values: Float32
    columns: Int32
    starts: Int32


def _names(_: RankingInputs) -> tuple[str, ...]:
    return ("content_to_last", "content_to_history")


def _fill(rows: CandidateRows, out: Float32) -> None:
    content = rows.block.inputs.content
    assert content is not None  # `needs`
    parts = SparseRows(content.data, content.indices, content.indptr)
    profile = np.zeros((content.shape[1], 2), np.float32)
    _to_history(rows.user_row, rows.items, rows.block.history, parts, profile, out)


@kernel
def _to_history(
    user_row: Keys,
    items: Keys,
    history: Keys,
    content: SparseRows,
    profile: Float32,
    out: Float32,
) -> None:
    """`out [rows, 2]`: product of each item's content with that of the last item of `history
    [n, L]`, and with the mean of the history.

    `profile [v, 2]`: all 0, and so again at the end; in between one user's, written out so that a
    product with a sparse row is one look-up a value. Only what was written is wiped.
    """
    values, columns, starts = content
    at = -1
    for r in range(len(user_row)):
        if user_row[r] != at:
            if at >= 0:
                _wipe_profile(history[at], content, profile)
            at = user_row[r]
            _write_profile(history[at], content, profile)
        last, mean = np.float32(0.0), np.float32(0.0)
        for k in range(starts[items[r]], starts[items[r] + 1]):
            last += values[k] * profile[columns[k], 0]
            mean += values[k] * profile[columns[k], 1]
        out[r, 0] = last
        out[r, 1] = mean
    if at >= 0:
        _wipe_profile(history[at], content, profile)


@kernel
def _write_profile(past: Keys, content: SparseRows, profile: Float32) -> None:
    values, columns, starts = content
    size = 0
    for h in range(len(past)):
        size += past[h] >= 0
    for h in range(len(past)):
        if past[h] >= 0:
            for k in range(starts[past[h]], starts[past[h] + 1]):
                profile[columns[k], 1] += values[k] / np.float32(size)
                if h == 0:
                    profile[columns[k], 0] = values[k]


@kernel
def _wipe_profile(past: Keys, content: SparseRows, profile: Float32) -> None:
    _, columns, starts = content
    for h in range(len(past)):
        if past[h] >= 0:
            for k in range(starts[past[h]], starts[past[h] + 1]):
                profile[columns[k], 0] = profile[columns[k], 1] = 0


COLUMNS = Columns("content", 90, _names, _fill, needs=("content",))
