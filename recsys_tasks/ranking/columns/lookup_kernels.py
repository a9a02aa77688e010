"""Kernel of the columns that are looked up, all in one pass: a user's rows are filled while they
are in the processor's cache.

Throughout: the rows of one user are a `Span`; `column [rows]` says which of the user's candidates a
row is, `items [rows]` the candidate's key, `at` the first of the columns that are filled, -1 where
none of them is asked for. Matrices that are only copied from or to are `Flat`: copying is a matter
of positions, and NumPy's two-dimensional indexing would cost more than the copy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recsys_tasks.arrays import Float32, Int16, Int32, Int64
from recsys_tasks.features.pairs import SIEVE, Pairs, fill_own, mark_items
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import CACHE_LINE, Flat, Span, cell, kernel, move
from recsys_tasks.ranking.inputs import LookupTables

LOOKUPS = ("lists", "item", "pair", "tower", "user", "segment", "price", "context")
"""Groups of columns, in the order in which the kernel is told where each begins."""
_LISTS, _ITEM, _PAIR, _TOWER, _USER, _SEGMENT, _PRICE, _CONTEXT = range(len(LOOKUPS))
_NAN = np.float32(np.nan)
_FREE = np.float32(0.01)
"""Added to what a user pays, for a user to whom everything was free."""


class WantedRows(NamedTuple):
    """What is filled: `first [len(LOOKUPS)]`, column at which each group begins, -1 for one that is
    not asked for; `bounds`, `column`, `items` as in CandidateRows.
    """

    first: Int64
    bounds: Int64
    column: Keys
    items: Keys


class KnownColumns(NamedTuple):
    """Columns that are copied from another matrix `values` of all the block's candidates.

    `number [rows]`: which of its rows each row is; `runs [r, 3]`: of each run of neighbouring
    columns the first one there, the first one here, and how many they are.
    """

    values: Float32
    number: Int32
    runs: Int64


class BlockValues(NamedTuple):
    """What is known of a block's users and candidates.

    `ranks [n, c * g] int16` (-1: not named), `scores [n, c * g]`: the generators'; `generators`: g;
    `absent`: rank of what is not named; `tower_ranks`, `tower_scores [n, c]`, empty where they are
    not asked for; `users`, `segments [n]`; `context [3]`: values of every row.
    """

    ranks: Int16
    scores: Float32
    generators: int
    absent: int
    tower_ranks: Float32
    tower_scores: Float32
    users: Keys
    segments: Keys
    context: Float32


class _Named(NamedTuple):
    """One user's ranks and scores by the generators, `[c * g]`, and the same as what is written:
    `near_ranks`, `near_scores`.
    """

    ranks: Int16
    scores: Float32
    near_ranks: Float32
    near_scores: Float32


class _SegmentValues(NamedTuple):
    """`positions [segments, m]`: which of the `pairs` a segment and an item are, -1 for none."""

    positions: Int32
    pairs: Flat


class _Prices(NamedTuple):
    """The tables of items and users, and which column of each is the price."""

    item: Float32
    user: Float32
    columns: Int64


@kernel
def fill_lookups(
    wanted: WantedRows, known: KnownColumns, block: BlockValues, tables: LookupTables, out: Float32
) -> None:
    """Fill the wanted groups of `out [rows, f]`, and the columns that another matrix has."""
    sieve, seen = np.full(SIEVE, -1, np.int32), np.empty(1, np.float32)
    near_ranks = np.empty(block.ranks.shape[1], np.float32)
    near_scores = np.empty(block.ranks.shape[1], np.float32)
    item, user, pair, segment = tables.item, tables.user, tables.pair_values, tables.segment_values
    blank = np.full(max(item.shape[1], user.shape[1], pair.shape[1], segment.shape[1]), _NAN)
    target = Flat(out.reshape(out.size), out.shape[0], out.shape[1])
    items = Flat(item.reshape(item.size), item.shape[0], item.shape[1])
    users = Flat(user.reshape(user.size), user.shape[0], user.shape[1])
    own = Flat(pair.reshape(pair.size), pair.shape[0], pair.shape[1])
    pairs = Pairs(tables.pair_offsets, tables.pair_items, own, sieve, blank)
    by_segment = _SegmentValues(
        tables.segment_positions,
        Flat(segment.reshape(segment.size), segment.shape[0], segment.shape[1]),
    )
    prices = _Prices(item, user, tables.price_columns)
    source = known.values
    copied = Flat(source.reshape(source.size), source.shape[0], source.shape[1])
    first, keys = wanted.first, wanted.items
    for u in range(len(wanted.bounds) - 1):
        span, key = Span(wanted.bounds[u], wanted.bounds[u + 1]), block.users[u]
        if first[_ITEM] >= 0 or first[_PRICE] >= 0:
            seen[0] = _touch_rows(keys[span.start : span.stop], item)
        _copy_columns(copied, known.number, known.runs, span, target)
        named = _Named(block.ranks[u], block.scores[u], near_ranks, near_scores)
        _fill_lists(
            named, block.generators, block.absent, wanted.column, span, first[_LISTS], target
        )
        _fill_by_item(items, keys, blank, span, first[_ITEM], target)
        if first[_PAIR] >= 0:
            mark_items(pairs, key)
            fill_own(pairs, key, keys, span, first[_PAIR], target)
        if first[_TOWER] >= 0:
            standing = (block.tower_ranks[u], block.tower_scores[u])
            _fill_standing(standing, wanted.column, span, first[_TOWER], out)
        _fill_by_user(users, key, blank, span, first[_USER], target)
        _fill_by_segment(by_segment, block.segments[u], keys, blank, span, first[_SEGMENT], target)
        _fill_prices(prices, key, keys, span, first[_PRICE], out)
        _fill_context(block.context, span, first[_CONTEXT], out)


@kernel
def _touch_rows(items: Keys, table: Float32) -> np.float32:
    """Read something of every cache line of the items' rows: where nothing else is done, many are
    on their way from memory at once.

    The sum that is returned only keeps the compiler from leaving the reads out.
    """
    total = np.float32(0.0)
    for r in range(len(items)):
        if items[r] < len(table):
            for f in range(0, table.shape[1], CACHE_LINE):
                total += table[items[r], f]
            total += table[items[r], table.shape[1] - 1]  # a row need not begin where a line does
    return total


@kernel
def _copy_columns(source: Flat, number: Int32, runs: Int64, span: Span, out: Flat) -> None:
    """Copy runs of columns from `source` to `out`; see KnownColumns."""
    values, width, target, wide = source.values, source.width, out.values, out.width
    for r in range(span.start, span.stop):
        for at in range(len(runs)):
            here = cell(number[r], width, runs[at, 0])
            move(values, here, target, cell(r, wide, runs[at, 1]), runs[at, 2])


@kernel
def _fill_lists(
    named: _Named, generators: int, absent: int, column: Keys, span: Span, at: int, out: Flat
) -> None:
    """Each generator's rank and standardised score, how many named the item, and its fused rank.

    All of the user's become float32 first, many at once, so that a row is copied like any other.
    """
    if at < 0:
        return
    ranks, scores, near_ranks, near_scores = named
    target, wide = out.values, out.width
    most, unnamed = np.float32(absent - 1), np.float32(absent)
    for i in range(len(ranks)):
        there = ranks[i] >= 0
        near_ranks[i] = min(np.float32(ranks[i]), most) if there else unnamed
        near_scores[i] = scores[i] if there else _NAN
    for r in range(span.start, span.stop):
        c, count = column[r] * generators, 0
        move(near_ranks, cell(0, 0, c), target, cell(r, wide, at), generators)
        move(near_scores, cell(0, 0, c), target, cell(r, wide, at + generators), generators)
        for g in range(generators):
            count += 1 if ranks[np.uintp(c) + np.uintp(g)] >= 0 else 0
        target[cell(r, wide, at + 2 * generators)] = count
        target[cell(r, wide, at + 2 * generators + 1)] = column[r]


@kernel
def _fill_by_item(table: Flat, items: Keys, blank: Float32, span: Span, at: int, out: Flat) -> None:
    """`table[items]`; NaN for keys that are newer than the table."""
    if at < 0:
        return
    values, rows, width = table
    target, wide = out.values, out.width
    for r in range(span.start, span.stop):
        here = cell(r, wide, at)
        if items[r] < rows:
            move(values, cell(items[r], width, 0), target, here, width)
        else:
            move(blank, cell(0, 0, 0), target, here, width)


@kernel
def _fill_standing(
    standing: tuple[Float32, Float32], column: Keys, span: Span, at: int, out: Float32
) -> None:
    """The user's two values `[c]` of each row's candidate."""
    ranks, scores = standing
    for r in range(span.start, span.stop):
        out[r, at] = ranks[column[r]]
        out[r, at + 1] = scores[column[r]]


@kernel
def _fill_by_user(table: Flat, key: int, blank: Float32, span: Span, at: int, out: Flat) -> None:
    """`table[key]` in every row; NaN for a key that is newer than the table."""
    if at < 0:
        return
    values, rows, width = table
    target, wide = out.values, out.width
    for r in range(span.start, span.stop):
        here = cell(r, wide, at)
        if key < rows:
            move(values, cell(key, width, 0), target, here, width)
        else:
            move(blank, cell(0, 0, 0), target, here, width)


@kernel
def _fill_by_segment(
    of: _SegmentValues, segment: int, items: Keys, blank: Float32, span: Span, at: int, out: Flat
) -> None:
    """Values of a segment's pairs with the items; NaN where they are no pair."""
    if at < 0:
        return
    positions, values, width = of.positions, of.pairs.values, of.pairs.width
    target, wide = out.values, out.width
    for r in range(span.start, span.stop):
        pair = positions[segment, items[r]] if items[r] < positions.shape[1] else np.int32(-1)
        here = cell(r, wide, at)
        if pair >= 0:
            move(values, cell(pair, width, 0), target, here, width)
        else:
            move(blank, cell(0, 0, 0), target, here, width)


@kernel
def _fill_prices(prices: _Prices, key: int, items: Keys, span: Span, at: int, out: Float32) -> None:
    """The item's price over what the user pays."""
    if at < 0:
        return
    item, user, columns = prices
    paid = user[key, columns[1]] if key < len(user) else _NAN
    for r in range(span.start, span.stop):
        price = item[items[r], columns[0]] if items[r] < len(item) else _NAN
        out[r, at] = price / (paid + _FREE)


@kernel
def _fill_context(values: Float32, span: Span, at: int, out: Float32) -> None:
    """The same values in every row."""
    if at < 0:
        return
    for r in range(span.start, span.stop):
        for f in range(len(values)):
            out[r, at + f] = values[f]
