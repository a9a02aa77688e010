"""New items by their content, compared with that of each user's newest items."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recsys_tasks.arrays import AnyInt, Float32, UInt32, UInt64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.retrieval.candidates.kernels import Taste, end_rows
from recsys_tasks.retrieval.select import packed


class Csr(NamedTuple):
    """Rows of a sparse matrix: row i is [indptr[i], indptr[i + 1]) of `data` and `indices`."""

    data: Float32
    indices: AnyInt
    indptr: AnyInt


class NewItems(NamedTuple):
    """New items `[f]`, what their newness adds, and their content, a row each of unit length."""

    items: Keys
    newness: Float32
    content: Csr


class FreshScratch(NamedTuple):
    """`profile [v]`: all 0; `marked`: as in `Restrictions`; `alike [f]` and its bits: anything."""

    profile: Float32
    marked: Keys
    alike: Float32
    alike_bits: UInt32


@kernel
def fresh_items(
    taste: Taste, new: NewItems, content: Csr, scratch: FreshScratch, limit: int, cells: UInt64
) -> int:
    """New items by the cosine of their content with that of the user's newest items, plus newness,
    as cells.

    All that may be among the best `limit` of them are there; returns how wide they are. `cells [n,
    f]` may hold anything. `content`: of all items, rows of unit length. `cells [n, f] uint64`, n
    users.
    """
    offsets = taste.offsets
    counts = np.empty(len(offsets) - 1, np.int64)
    for row in range(len(offsets) - 1):
        scale = _build_profile(taste, row, content, scratch.profile)
        any_forbidden = _mark_forbidden(taste, row, scratch.marked)
        counts[row] = _pack_near(
            new, scale, scratch, row if any_forbidden else -1, limit, cells[row]
        )
        _clear_profile(taste, row, content, scratch.profile)
    return end_rows(cells, counts)


@kernel
def _build_profile(taste: Taste, row: int, content: Csr, profile: Float32) -> np.float32:
    """Add up the content of the row's newest items; returns 1 / |profile|, 0 for an empty one."""
    offsets, own, _, steps, decay, newest = taste
    start, last = offsets[row], min(offsets[row + 1], offsets[row] + newest)
    for at in range(start, last):
        _scale_into(own[at], decay[min(steps[at], len(decay) - 1)], content, profile)
    squares = np.float32(0.0)  # |profile|² = Σ weight · <content, profile>
    for at in range(start, last):
        weight = decay[min(steps[at], len(decay) - 1)]
        squares += weight * _dot_profile(own[at], content, profile)
    return np.float32(1.0) / np.sqrt(squares) if squares > 0 else np.float32(0.0)


@kernel
def _clear_profile(taste: Taste, row: int, content: Csr, profile: Float32) -> None:
    """Make the profile 0 again, where the row's newest items touched it."""
    offsets, own = taste.offsets, taste.own
    for at in range(offsets[row], min(offsets[row + 1], offsets[row] + taste.newest)):
        _scale_into(own[at], np.float32(0.0), content, profile)


@kernel
def _mark_forbidden(taste: Taste, row: int, marked: Keys) -> bool:
    """Mark what is forbidden for the row; returns whether anything is."""
    offsets, own, forbidden = taste.offsets, taste.own, taste.forbidden
    some = False
    for at in range(offsets[row], offsets[row + 1]):
        if forbidden[at]:
            marked[own[at]], some = row, True
    return some


@kernel
def _pack_near(
    new: NewItems,
    scale: np.float32,
    scratch: FreshScratch,
    row: int,
    limit: int,
    cells: UInt64,
) -> int:
    """Score the new items that are not marked for `row` (-1: none is), and pack those above 0 that
    may be among the best `limit`; returns how many.
    """
    fresh, newness, words = new
    profile, marked, alike, alike_bits = scratch
    count = 0
    # The worst of the first `limit`: whatever is below it has `limit` better ones before it.
    least = np.float32(np.inf)
    for at in range(len(fresh)):
        item = fresh[at]
        if row >= 0 and marked[item] == row:
            continue
        alike[at] = _dot_profile(at, words, profile) * scale + newness[at]
        if alike[at] > 0 and (count < limit or alike[at] >= least):
            cells[count] = packed(alike_bits[at], item)
            count += 1
            least = min(least, alike[at]) if count <= limit else least
    return count


@kernel
def _scale_into(item: np.int32, weight: np.float32, content: Csr, profile: Float32) -> None:
    """Add an item's content to the profile; weight 0 clears it there."""
    data, indices, indptr = content
    for place in range(indptr[item], indptr[item + 1]):
        if weight == 0:
            profile[indices[place]] = 0
        else:
            profile[indices[place]] += weight * data[place]


@kernel
def _dot_profile(item: int | np.int32, content: Csr, profile: Float32) -> np.float32:
    """Inner product of an item's content with the profile."""
    data, indices, indptr = content
    total = np.float32(0.0)
    for place in range(indptr[item], indptr[item + 1]):
        total += data[place] * profile[indices[place]]
    return total
