"""Finding the features of many user-item pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recsys_tasks.arrays import Float32, Int64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import Flat, Span, cell, kernel, move

SIEVE = 4096
"""Marks of a user's items by the low bits of their keys: hardly a candidate needs a search that
finds nothing.
"""


class Pairs(NamedTuple):
    """A `PairTable` as a kernel takes it: user u's pairs are [offsets[u], offsets[u + 1]) of
    `items`, ascending, and of the rows of `values`.

    `sieve [SIEVE]` is room for `mark_items`, all -1 at first; `blank [values.width]` is all NaN.
    """

    offsets: Int64
    items: Keys
    values: Flat
    sieve: Keys
    blank: Float32


@kernel
def fill_pairs(
    offsets: Int64, items: Keys, values: Float32, users: Keys, wanted: Keys, out: Float32
) -> None:
    """Values of the pairs (users[r], wanted[r]) into `out [rows, fp]`, as `PairTable` holds them;
    NaN where there is none.
    """
    flat = Flat(values.reshape(values.size), values.shape[0], values.shape[1])
    target = Flat(out.reshape(out.size), out.shape[0], out.shape[1])
    sieve, blank = np.full(SIEVE, -1, np.int32), np.full(flat.width, np.float32(np.nan))
    pairs, start = Pairs(offsets, items, flat, sieve, blank), 0
    while start < len(users):
        user, stop = users[start], start
        while stop < len(users) and users[stop] == user:
            stop += 1
        mark_items(pairs, user)
        fill_own(pairs, user, wanted, Span(start, stop), 0, target)
        start = stop


@kernel
def mark_items(pairs: Pairs, user: np.int32) -> None:
    """Note in the sieve that the user has an item with these low bits; a user who came before
    need not be wiped out, as each mark is the user's own key.
    """
    if user < len(pairs.offsets) - 1:
        items, sieve = pairs.items, pairs.sieve
        for at in range(pairs.offsets[user], pairs.offsets[user + 1]):
            sieve[items[at] & (SIEVE - 1)] = user


@kernel
def fill_own(pairs: Pairs, user: np.int32, wanted: Keys, span: Span, at: int, out: Flat) -> None:
    """Values of one user's pairs with the items `wanted [rows]`, once they are marked: columns from
    `at` of the rows of the span.
    """
    # Read once: numba counts a reference each time that an array is taken out of a tuple.
    offsets, items, sieve, blank = pairs.offsets, pairs.items, pairs.sieve, pairs.blank
    values, width = pairs.values.values, pairs.values.width
    target, wide = out.values, out.width
    for row in range(span.start, span.stop):
        pair = np.int64(-1)
        if sieve[wanted[row] & (SIEVE - 1)] == user:
            pair = _place_of(items, offsets[user], offsets[user + 1], wanted[row])
        here = cell(row, wide, at)
        if pair >= 0:
            move(values, cell(pair, width, 0), target, here, width)
        else:
            move(blank, cell(0, 0, 0), target, here, width)


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
