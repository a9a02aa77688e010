"""Draw which users train, which calibrate, and which of a user's negatives are kept.

All draws are by a hash of keys (recsys_tasks.hashes): a user is in the same part on every night,
and neither the order nor the size of a block changes a draw.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int8, UInt64
from recsys_tasks.hashes import hashed, shares
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.inputs import Candidates

FOLD_A, FOLD_B, CALIBRATION_A, CALIBRATION_B = range(4)
"""Parts of the users: two folds that train, two halves that calibrate."""


def user_parts(users: Keys, calibration_share: float, seed: int) -> Int8:
    """`[n] int8`: which part each user belongs to, the same in every window and on every night."""
    draw = shares(hashed(users, seed))
    trains = np.where(draw < (1 + calibration_share) / 2, FOLD_A, FOLD_B)
    holds = np.where(draw < calibration_share / 2, CALIBRATION_A, CALIBRATION_B)
    return np.where(draw < calibration_share, holds, trains).astype(np.int8)


def sample_negatives(
    candidates: Candidates, positive: Bool, shown: Bool, part: Int8, draw: UInt64, negatives: int
) -> tuple[Bool, Float32]:
    """Which candidates become examples, `[n, c] bool`, and how many candidates each one stands for,
    `[n, c] float32`: 1 for all but drawn negatives.

    A user who calibrates keeps all candidates. A user who trains keeps every positive, every
    candidate that was `shown` and not chosen, and, of the others, the `negatives` with the lowest
    `draw`. `positive`, `shown`, `draw`: `[n, c]`; `part [n]`: see `user_parts`.
    """
    there = candidates.items >= 0
    negative = there & ~positive & ~shown
    order = np.argsort(np.where(negative, draw, np.uint64(2**64 - 1)), axis=1, kind="stable")
    rank = np.empty(order.shape, np.int64)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
    whole = (part >= CALIBRATION_A)[:, None]
    keep = there & (positive | shown | whole | (rank < negatives))
    available = negative.sum(axis=1, keepdims=True)
    kept = (negative & keep).sum(axis=1, keepdims=True)
    weight = np.where(negative, available / np.maximum(kept, 1), 1.0)
    return keep, weight.astype(np.float32)
