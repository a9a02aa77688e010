"""Finding the features of many user-item pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

_SIEVE = 4096
"""Marks of a user's items by the low bits of their keys: hardly a candidate needs a search that finds nothing."""


@kernel
def fill_pairs(offsets: Longs, items: Keys, values: Floats, users: Keys, wanted: Keys, out: Floats) -> None:
    """Values of the pairs (users[r], wanted[r]), as `PairTable` holds them; NaN where there is none."""
    sieve = np.full(_SIEVE, -1, np.int32)  # the user who has an item with these low bits
    marked = np.int32(-1)
    for row in range(len(users)):
        user, item = users[row], wanted[row]
        if user != marked:
            _mark_items(offsets, items, user, sieve)
            marked = user
        at = np.int64(-1)
        if sieve[item & (_SIEVE - 1)] == user:
            at = _place_of(items, offsets[user], offsets[user + 1], item)
        if at >= 0:
            for column in range(out.shape[1]):
                out[row, column] = values[at, column]
        else:
            for column in range(out.shape[1]):
                out[row, column] = np.nan


@kernel
def _mark_items(offsets: Longs, items: Keys, user: np.int32, sieve: Keys) -> None:
    if user < len(offsets) - 1:
        for at in range(offsets[user], offsets[user + 1]):
            sieve[items[at] & (_SIEVE - 1)] = user


@kernel
def _place_of(items: Keys, low: np.int64, stop: np.int64, item: np.int32) -> np.int64:
    """Where the item is among ascending ones, -1 where it is not."""
    high = stop
    while low < high:
        middle = (low + high) // 2
        if items[middle] < item:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and items[low] == item else np.int64(-1)
