"""Finding the features of many user-item pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import cell, kernel, move

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

SIEVE = 4096
"""Marks of a user's items by the low bits of their keys: hardly a candidate needs a search that
finds nothing.
"""


@kernel
def fill_pairs(
    offsets: Longs, items: Keys, values: Floats, users: Keys, wanted: Keys, out: Floats
) -> None:
    """Values of the pairs (users[r], wanted[r]), as `PairTable` holds them; NaN where there is
    none.
    """
    width, start = values.shape[1], 0
    own = (offsets, items, values.reshape(values.size), width)
    sieve, blank = np.full(SIEVE, -1, np.int32), np.full(width, np.float32(np.nan))
    while start < len(users):
        user, stop = users[start], start
        while stop < len(users) and users[stop] == user:
            stop += 1
        mark_items(offsets, items, user, sieve)
        fill_own(own, user, wanted, sieve, blank, start, stop, 0, out.reshape(out.size), width)
        start = stop


@kernel
def mark_items(offsets: Longs, items: Keys, user: np.int32, sieve: Keys) -> None:
    """`sieve [SIEVE]`: the last user who has an item with these low bits, -1 for none."""
    if user < len(offsets) - 1:
        for at in range(offsets[user], offsets[user + 1]):
            sieve[items[at] & (SIEVE - 1)] = user


@kernel
def fill_own(
    own: tuple[Longs, Keys, Floats, int],
    user: np.int32,
    wanted: Keys,
    sieve: Keys,
    blank: Floats,
    start: int,
    stop: int,
    first: int,
    flat: Floats,
    wide: int,
) -> None:
    """The same for one user, whose items are marked: columns from `first` of rows [start, stop).

    `own`: offsets, items, and values one after another, so many a pair; `blank`: as many NaN.
    `flat`: the rows that are filled, one after another, each `wide`.
    """
    offsets, items, values, width = own
    for row in range(start, stop):
        at = np.int64(-1)
        if sieve[wanted[row] & (SIEVE - 1)] == user:
            at = _place_of(items, offsets[user], offsets[user + 1], wanted[row])
        if at >= 0:
            move(values, cell(at, width, 0), flat, cell(row, wide, first), width)
        else:
            move(blank, cell(0, 0, 0), flat, cell(row, wide, first), width)


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
