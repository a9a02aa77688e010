"""The best k of each row, exactly and whatever the block's shape: equal scores are ordered by item
key.

A score and its item are packed into one integer, so that ties cannot depend on how rows were
grouped, and so that one selection sorts both.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int64, UInt32, UInt64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel

Floats: TypeAlias = Float32
Cells: TypeAlias = UInt64
Bits: TypeAlias = UInt32
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFF_FFFF)
_FEW = 16
NOTHING = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""A cell that stands for no item: it sorts last."""


def keys_of(cells: Cells) -> Keys:
    """The items `[...] int32` of cells `[...]`, -1 where a cell stands for none."""
    return (cells & _LOW).astype(np.uint32).view(np.int32)


def top_ragged(offsets: Int64, items: Keys, scores: Float32, k: int) -> tuple[Keys, Float32]:
    """Items of the k largest positive scores of each ragged row, best first.

    Row r is [offsets[r], offsets[r + 1]). Returns `[n, k] int32` padded with -1, `[n, k] float32`
    padded with 0.
    """
    n = len(offsets) - 1
    best, kept = np.full((n, k), -1, np.int32), np.zeros((n, k), np.float32)
    values = np.ascontiguousarray(scores, np.float32)
    scratch = np.empty(int(np.diff(offsets).max(initial=0)), np.uint64)
    _top_rows(
        offsets,
        np.asarray(items, np.int32),
        values,
        values.view(np.uint32),
        scratch,
        best,
        kept.view(np.uint32),
    )
    return best, kept


def top_dense(items: Keys, scores: Float32, k: int) -> tuple[Keys, Float32]:
    """The k largest positive scores of rectangles `[n, w]`, as `top_ragged` returns them."""
    n, width = items.shape
    offsets = np.arange(n + 1, dtype=np.int64) * width
    return top_ragged(
        offsets, np.ascontiguousarray(items).ravel(), np.ascontiguousarray(scores).ravel(), k
    )


@kernel
def _top_rows(
    offsets: Int64,
    items: Keys,
    scores: Float32,
    bits: UInt32,
    scratch: UInt64,
    best: Keys,
    best_bits: UInt32,
) -> None:
    for row in range(len(offsets) - 1):
        count = 0
        for at in range(offsets[row], offsets[row + 1]):
            if items[at] >= 0 and scores[at] > 0:
                scratch[count] = packed(bits[at], items[at])
                count += 1
        unpack(scratch, first_sorted(scratch, count, best.shape[1]), best[row], best_bits[row])


@kernel
def packed(bits: np.uint32, item: np.int32) -> np.uint64:
    """One integer per cell, smaller is better: positive floats sort as their bits."""
    return np.uint64((np.uint64(~np.uint32(bits)) << _HALF) | np.uint64(item))


@kernel
def rising(word: np.uint32) -> np.uint32:
    """Bits of any float32 as an integer that grows with it: negative ones count backwards, -0
    is 0.
    """
    if word == np.uint32(0x8000_0000):
        return word
    return (
        np.uint32(~word)
        if word & np.uint32(0x8000_0000)
        else np.uint32(word | np.uint32(0x8000_0000))
    )


@kernel
def unpack(cells: UInt64, count: int, items: Keys, bits: UInt32) -> None:
    """Items and score bits of the first `count` cells.

    `cells [w] uint64`; into `items [k] int32` and `bits [k] uint32`.
    """
    for at in range(count):
        items[at] = np.int32(cells[at] & _LOW)
        bits[at] = ~np.uint32(cells[at] >> _HALF)


@kernel
def unpack_rows(cells: UInt64, items: Keys, bits: UInt32) -> None:
    """Items and score bits of each row of sorted cells, as far as they say something.

    `cells [n, w] uint64`; into `items` and `bits`, `[n, w]` int32 and uint32.
    """
    for row in range(len(cells)):
        for at in range(cells.shape[1]):
            if cells[row, at] == NOTHING:
                break
            items[row, at] = np.int32(cells[row, at] & _LOW)
            bits[row, at] = ~np.uint32(cells[row, at] >> _HALF)


@kernel
def first_sorted(cells: UInt64, count: int, k: int) -> int:
    """Put the k smallest of the first `count` cells in front, sorted; returns how many those are.

    `cells [w] uint64`, changed in place.
    """
    low, high = 0, count - 1
    while k < count and high - low > _FEW:  # quickselect, the pivot being the middle of three
        middle = (low + high) // 2
        a, b, c = cells[low], cells[middle], cells[high]
        pivot = max(min(a, b), min(max(a, b), c))
        left, right = low, high
        while left <= right:
            while cells[left] < pivot:
                left += 1
            while cells[right] > pivot:
                right -= 1
            if left <= right:
                cells[left], cells[right] = cells[right], cells[left]
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            low = high = k - 1
    if k < count and high > low:
        cells[low : high + 1].sort()
    kept = min(k, count)
    cells[:kept].sort()
    return kept


def sorted_rows(cells: UInt64, k: int) -> UInt64:
    """The k smallest of each row of `cells [n, w]`, sorted, `[n, min(k, w)]`; `cells` is left in
    another order.

    NumPy sorts several integers at once with the processor's vector instructions: ten times as fast
    as `first_sorted`, which is for rows of very different lengths.
    """
    if 0 < k < cells.shape[1]:
        cells.partition(k - 1, axis=1)
    best = cells[:, :k]
    best.sort(axis=1)
    return best


def member(codes: Int64, sorted_codes: Int64) -> Bool:
    """Whether each code is among the sorted ones, in the shape of `codes`.

    `codes` int64 of any shape, `sorted_codes [p] int64`.
    """
    if not len(sorted_codes):
        return np.zeros(codes.shape, bool)
    places = np.minimum(np.searchsorted(sorted_codes, codes), len(sorted_codes) - 1)
    found: Bool = sorted_codes[places] == codes
    return found
