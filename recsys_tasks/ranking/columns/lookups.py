"""Columns that are looked up, all in one pass: a user's rows are filled while they are in the
processor's cache.

Throughout: rows [start, stop) of `out [rows, f]` are one user's, `column [rows]` says which of the
user's candidates a row is, `items [rows]` the candidate's key, `at` the first of the columns of
`out` that are filled; `flat` is `out` as one row after another, each `wide`. A kernel's matrix that
is only copied from is flat too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.features.pairs import SIEVE, fill_own, mark_items
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import CACHE_LINE, cell, kernel, move

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.int16]
Places = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Tables = tuple[Any, ...]
Shape = tuple[int, int]

LOOKUPS = ("lists", "item", "pair", "tower", "user", "segment", "price", "context")
"""Groups of columns, in the order in which the kernel is told where each begins; -1 for one that is
not asked for.
"""
_LISTS, _ITEM, _PAIR, _TOWER, _USER, _SEGMENT, _PRICE, _CONTEXT = range(len(LOOKUPS))
_NAN = np.float32(np.nan)
_FREE = np.float32(0.01)
"""Added to what a user pays, for a user to whom everything was free."""


@kernel
def chosen(
    items: Keys, keep: Bools, row: Places, column: Places, keys: Keys, number: Places, bounds: Longs
) -> int:
    """Which candidates of `items [n, c]` become rows, user by user; returns how many.

    Of each row its user's place and its own among the candidates, its key, and its number among all
    candidates that are no pads; user u's rows are [bounds[u], bounds[u + 1]). The arrays have room
    for one row too many.
    """
    count, seen = 0, 0
    for u in range(len(items)):
        bounds[u] = count
        for c in range(items.shape[1]):  # without branches: which are kept cannot be foretold
            there = items[u, c] >= 0
            row[count], column[count], keys[count], number[count] = u, c, items[u, c], seen
            count += 1 if there and keep[u, c] else 0
            seen += 1 if there else 0
    bounds[len(items)] = count
    return count


@kernel
def look_up(
    first: Longs,
    bounds: Longs,
    column: Places,
    items: Keys,
    copies: tuple[Floats, Places, Longs],
    lists: tuple[Ranks, Floats, int, int],
    tower: tuple[Floats, Floats],
    users: tuple[Keys, Keys],
    tables: Tables,
    context: Floats,
    out: Floats,
) -> None:
    """Fill the groups of LOOKUPS that begin at `first`, and the columns of another matrix.

    `copies`: that matrix, the row of it that each row is, and runs of its columns. `lists`: ranks
    and scores `[n, c * g]`, g, and the rank of what is absent; `tower`: rank and standardised dot,
    `[n, c]`. `users`: keys and segments `[n]`. `tables`: see `RankingInputs.lookups`.
    """
    item, user, pair_offsets, pair_items, pair_values, places, segment_values, prices = tables
    sieve, seen = np.full(SIEVE, -1, np.int32), np.empty(1, np.float32)
    near = (np.empty(lists[0].shape[1], np.float32), np.empty(lists[0].shape[1], np.float32))
    blank = np.full(
        max(item.shape[1], user.shape[1], pair_values.shape[1], segment_values.shape[1]), _NAN
    )
    flat, wide = out.reshape(out.size), out.shape[1]
    known, item_flat, user_flat = (
        copies[0].reshape(copies[0].size),
        item.reshape(item.size),
        user.reshape(user.size),
    )
    pair_flat, segment_flat = (
        pair_values.reshape(pair_values.size),
        segment_values.reshape(segment_values.size),
    )
    own = (pair_offsets, pair_items, pair_flat, pair_values.shape[1])
    for u in range(len(bounds) - 1):
        start, stop, key = bounds[u], bounds[u + 1], users[0][u]
        if first[_ITEM] >= 0 or first[_PRICE] >= 0:
            seen[0] = _touched(items[start:stop], item)
        _copy(known, copies[0].shape[1], copies[1], copies[2], start, stop, flat, wide)
        _lists(
            column,
            lists[0][u],
            lists[1][u],
            lists[2],
            lists[3],
            near,
            start,
            stop,
            first[_LISTS],
            flat,
            wide,
        )
        _rows_of(item_flat, item.shape, items, blank, start, stop, first[_ITEM], flat, wide)
        if first[_PAIR] >= 0:
            mark_items(pair_offsets, pair_items, key, sieve)
            fill_own(own, key, items, sieve, blank, start, stop, first[_PAIR], flat, wide)
        _picked(tower, u, column, start, stop, first[_TOWER], out)
        _row_of(user_flat, user.shape, key, blank, start, stop, first[_USER], flat, wide)
        shape = (users[1][u], segment_values.shape[1])
        _segment(
            places, segment_flat, shape, items, blank, start, stop, first[_SEGMENT], flat, wide
        )
        _relative(item, user, prices, key, items, start, stop, first[_PRICE], out)
        _everywhere(context, start, stop, first[_CONTEXT], out)


@kernel
def _touched(items: Keys, table: Floats) -> np.float32:
    """Read something of every line of memory of the items' rows: many come at once where nothing
    else is done.

    What is returned only keeps the reading from being left out.
    """
    total = np.float32(0.0)
    for r in range(len(items)):
        if items[r] < len(table):
            for f in range(0, table.shape[1], CACHE_LINE):
                total += table[items[r], f]
            total += table[items[r], table.shape[1] - 1]  # a row need not begin where a line does
    return total


@kernel
def _copy(
    known: Floats,
    width: int,
    rows: Places,
    runs: Longs,
    start: int,
    stop: int,
    flat: Floats,
    wide: int,
) -> None:
    """`known[rows]`: of each run (from, to, width), columns [from, from + width) as columns [to, to
    + width).
    """
    for r in range(start, stop):
        for at in range(len(runs)):
            move(
                known,
                cell(rows[r], width, runs[at, 0]),
                flat,
                cell(r, wide, runs[at, 1]),
                runs[at, 2],
            )


@kernel
def _lists(
    column: Places,
    ranks: Ranks,
    scores: Floats,
    width: int,
    absent: int,
    near: tuple[Floats, Floats],
    start: int,
    stop: int,
    at: int,
    flat: Floats,
    wide: int,
) -> None:
    """Each generator's rank and standardised score, how many named the item, and its fused rank.

    `ranks`, `scores`: the user's, `[c * g]`; they become numbers of `near` first, many at once.
    """
    if at < 0:
        return
    most, unnamed = np.float32(absent - 1), np.float32(absent)
    for i in range(len(ranks)):
        there = ranks[i] >= 0
        near[0][i] = min(np.float32(ranks[i]), most) if there else unnamed
        near[1][i] = scores[i] if there else _NAN
    for r in range(start, stop):
        c, named = column[r] * width, 0
        move(near[0], cell(0, 0, c), flat, cell(r, wide, at), width)
        move(near[1], cell(0, 0, c), flat, cell(r, wide, at + width), width)
        for g in range(width):
            named += 1 if ranks[np.uintp(c) + np.uintp(g)] >= 0 else 0
        flat[cell(r, wide, at + 2 * width)] = named
        flat[cell(r, wide, at + 2 * width + 1)] = column[r]


@kernel
def _rows_of(
    table: Floats,
    shape: Shape,
    items: Keys,
    blank: Floats,
    start: int,
    stop: int,
    at: int,
    flat: Floats,
    wide: int,
) -> None:
    """`table[items]`; NaN for keys that are newer than the table."""
    if at < 0:
        return
    for r in range(start, stop):
        if items[r] < shape[0]:
            move(table, cell(items[r], shape[1], 0), flat, cell(r, wide, at), shape[1])
        else:
            move(blank, cell(0, 0, 0), flat, cell(r, wide, at), shape[1])


@kernel
def _picked(
    both: tuple[Floats, Floats], u: int, column: Places, start: int, stop: int, at: int, out: Floats
) -> None:
    """The rows' cells of two `[n, c]` arrays."""
    if at < 0:
        return
    for r in range(start, stop):
        out[r, at] = both[0][u, column[r]]
        out[r, at + 1] = both[1][u, column[r]]


@kernel
def _row_of(
    table: Floats,
    shape: Shape,
    key: int,
    blank: Floats,
    start: int,
    stop: int,
    at: int,
    flat: Floats,
    wide: int,
) -> None:
    """`table[key]` in every row; NaN for a key that is newer than the table."""
    if at < 0:
        return
    for r in range(start, stop):
        if key < shape[0]:
            move(table, cell(key, shape[1], 0), flat, cell(r, wide, at), shape[1])
        else:
            move(blank, cell(0, 0, 0), flat, cell(r, wide, at), shape[1])


@kernel
def _segment(
    places: Places,
    values: Floats,
    shape: Shape,
    items: Keys,
    blank: Floats,
    start: int,
    stop: int,
    at: int,
    flat: Floats,
    wide: int,
) -> None:
    """Values of a segment's pairs with the items; `places [segments, m]` says where each is, -1 for
    none.

    `shape`: the segment, and how many values a pair has.
    """
    if at < 0:
        return
    for r in range(start, stop):
        place = places[shape[0], items[r]] if items[r] < places.shape[1] else np.int32(-1)
        if place >= 0:
            move(values, cell(place, shape[1], 0), flat, cell(r, wide, at), shape[1])
        else:
            move(blank, cell(0, 0, 0), flat, cell(r, wide, at), shape[1])


@kernel
def _relative(
    item: Floats,
    user: Floats,
    prices: Longs,
    key: int,
    items: Keys,
    start: int,
    stop: int,
    at: int,
    out: Floats,
) -> None:
    """The item's price over what the user pays."""
    if at < 0:
        return
    paid = user[key, prices[1]] if key < len(user) else _NAN
    for r in range(start, stop):
        price = item[items[r], prices[0]] if items[r] < len(item) else _NAN
        out[r, at] = price / (paid + _FREE)


@kernel
def _everywhere(values: Floats, start: int, stop: int, at: int, out: Floats) -> None:
    """The same values in every row."""
    if at < 0:
        return
    for r in range(start, stop):
        for f in range(len(values)):
            out[r, at + f] = values[f]
