"""Generators' lists of a block of users, filled user by user into rows that the caller made.

In all kernels: row r's history is [offsets[r], offsets[r + 1]) of `own` (item keys, newest first)
and of `forbidden` (whether the repeat policy forbids the item tonight); `items [n, q]` comes filled
with -1, `scores [n, q]` with 0; `eligible [n_items]`: which items may be in a list.

Kernels take named tuples of arrays and put what a loop reads into local variables first: a field
that is read within a loop costs a reference count in every turn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int32, Int64, UInt32, UInt64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import CACHE_LINE, kernel
from recsys_tasks.retrieval.select import NOTHING, first_sorted, packed, unpack


class Named(NamedTuple):
    """Lists that users share: `items [l, w]`, `scores [l, w]`; `which [r]`: the list of each."""

    items: Keys
    scores: Float32
    which: Int64


class Restrictions(NamedTuple):
    """Histories and banned items, which of them are forbidden, and which items are eligible to
    whom: those of row r are `eligible[of_row[r]]`, `[classes, n_items]`.

    `marked [n_items]`: the last row that each item was forbidden for, -1 for none. A kernel gets it
    filled with -1, or as an earlier kernel over the same rows left it.
    """

    offsets: Int64
    own: Keys
    forbidden: Bool
    eligible: Bool
    of_row: Int64
    marked: Keys


class Taste(NamedTuple):
    """Histories, of which the `newest` items of each count, each `decay[its step]`."""

    offsets: Int64
    own: Keys
    forbidden: Bool
    steps: Int32
    decay: Float32
    newest: int


class Neighbours(NamedTuple):
    """Items that co-occur with each: `items [m, t]`, best first, -1 pads, `strengths [m, t]`."""

    items: Keys
    strengths: Float32


class Sums(NamedTuple):
    """Memory for one sum an item: `values [n_items]`, all 0, their `bits`, `touched [w]`."""

    values: Float32
    bits: UInt32
    touched: Keys


class OwnItems(NamedTuple):
    """Histories with the bits of the entries' weights, which are above 0, and what may be named."""

    offsets: Int64
    own: Keys
    forbidden: Bool
    weight_bits: UInt32
    eligible: Bool


@kernel
def allowed(
    named: Named, rows: Int64, restrictions: Restrictions, items: Keys, scores: Float32
) -> None:
    """Fill row `rows[l]`, behind what it has, with the first allowed items of list `which[l]` of
    `named`; what it has is marked, too.
    """
    offsets, own, forbidden, eligible, of_row, marked = restrictions
    named_items, named_scores, which = named
    for place in range(len(rows)):
        row, found = rows[place], 0
        for at in range(offsets[row], offsets[row + 1]):
            if forbidden[at]:
                marked[own[at]] = row
        while found < items.shape[1] and items[row, found] >= 0:
            marked[items[row, found]] = row
            found += 1
        for column in range(named_items.shape[1]):
            item = named_items[which[place], column]
            if found == items.shape[1]:
                break
            if item >= 0 and eligible[of_row[row], item] and marked[item] != row:
                items[row, found] = item
                scores[row, found] = named_scores[which[place], column]
                found += 1


@kernel
def covisited(taste: Taste, neighbours: Neighbours, sums: Sums, cells: UInt64) -> int:
    """Items that co-occur with each user's newest items, as cells; returns the widest row.

    `cells [n, w]` is overwritten. w and the length of `sums.touched` are at least the number of
    neighbours of any user's newest items.
    """
    offsets, own, forbidden, steps, decay, newest = taste
    near, strengths = neighbours
    values, bits, touched = sums
    counts, seen = np.empty(len(offsets) - 1, np.int64), np.empty(1, np.float32)
    for row in range(len(offsets) - 1):
        start, stop, count = offsets[row], offsets[row + 1], 0
        seen[0] = _touched(own[start : min(stop, start + newest)], near, strengths)
        for at in range(start, min(stop, start + newest)):
            weight = decay[min(steps[at], len(decay) - 1)]
            count = _add(near[own[at]], strengths[own[at]], weight, values, touched, count)
        for at in range(start, stop):
            if forbidden[at]:
                values[own[at]] = 0
        kept = 0
        for at in range(count):
            item = touched[at]
            cells[row, kept] = packed(bits[item], item)
            # An item stands in `touched` as often as it was added: the second time its sum is 0
            # again, as is that of a forbidden one, and the next cell takes the place.
            kept += 1 if values[item] > 0 else 0
            values[item] = 0
        counts[row] = kept
    return end_rows(cells, counts)


@kernel
def end_rows(cells: UInt64, counts: Int64) -> int:
    """Fill each row behind its first `counts` cells as far as the longest; returns that length.

    `cells [n, w] uint64`, `counts [n] int64`.
    """
    widest = 0
    for row in range(len(counts)):
        widest = max(widest, counts[row])
    for row in range(len(counts)):
        cells[row, counts[row] : widest] = NOTHING
    return widest


@kernel
def _touched(items: Keys, neighbours: Keys, strengths: Float32) -> np.float32:
    """Read something of every line of memory of the items' rows.

    Many lines come at once where nothing else is done; added up one row after another, each would
    be waited for. What is returned only keeps the compiler from leaving the reading out.
    """
    total = np.float32(0.0)
    for item in items:
        for column in range(0, neighbours.shape[1], CACHE_LINE):
            total += np.float32(neighbours[item, column]) + strengths[item, column]
    return total


@kernel
def _add(
    items: Keys, strengths: Float32, weight: np.float32, sums: Float32, touched: Keys, count: int
) -> int:
    """Add one item's neighbours to the sums, and append them to the first `count` touched ones,
    also where they are there already; returns the new count.
    """
    for column in range(len(items)):
        item = items[column]
        if item < 0:
            break
        sums[item] += weight * strengths[column]
        touched[count] = item
        count += 1
    return count


@kernel
def own_items(history: OwnItems, cells: UInt64, items: Keys, bits: UInt32) -> None:
    """The user's own items by weight. `cells [longest history]` may hold anything."""
    offsets, own, forbidden, weight_bits, eligible = history
    for row in range(len(offsets) - 1):
        count = 0
        for at in range(offsets[row], offsets[row + 1]):
            if not forbidden[at] and eligible[own[at]]:
                cells[count] = packed(weight_bits[at], own[at])
                count += 1
        unpack(cells, first_sorted(cells, count, items.shape[1]), items[row], bits[row])
