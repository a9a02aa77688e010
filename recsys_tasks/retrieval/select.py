"""The best k of each row, exactly and whatever the block's shape: equal scores are ordered by item key.

A score and its item are packed into one integer, so that ties cannot depend on how rows were
grouped, and so that one partition sorts both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]
_CHUNK_CELLS = 4_000_000
_LAST = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def top_ragged(offsets: Longs, items: Keys, scores: Floats, k: int) -> tuple[Keys, Floats]:
    """Items of the k largest positive scores of each ragged row, best first.

    Row r is [offsets[r], offsets[r + 1]). Returns `[n, k] int32` padded with -1, `[n, k] float32`
    padded with 0.
    """
    n = len(offsets) - 1
    packed = np.full((n, k), _LAST, np.uint64)
    sizes = np.diff(offsets)
    order = np.argsort(sizes, kind="stable")  # rows of like length share a rectangle
    start = 0
    while start < n:
        width = max(int(sizes[order[start]]), 1)
        end = start + 1
        while (
            end < n
            and (end + 1 - start) * max(int(sizes[order[end]]), 1) <= _CHUNK_CELLS
            and _alike(int(sizes[order[end]]), width)
        ):
            end += 1
        rows = order[start:end]
        cells = _rectangle(offsets, items, scores, rows, int(sizes[rows[-1]]))
        packed[rows, : min(k, cells.shape[1])] = _smallest(cells, k)
        start = end
    return unpack(packed)


def _alike(size: int, width: int) -> bool:
    return size <= 2 * width + 64


def _rectangle(offsets: Longs, items: Keys, scores: Floats, rows: Longs, width: int) -> npt.NDArray[np.uint64]:
    """Packed cells of some rows, `[len(rows), width]`, padded."""
    columns = np.arange(max(width, 1))
    places = offsets[rows][:, None] + columns
    inside = places < offsets[rows + 1][:, None]
    if not len(items):
        return np.full(places.shape, _LAST, np.uint64)
    places = np.minimum(places, len(items) - 1)
    return pack(np.where(inside, items[places], -1), scores[places])


def top_dense(items: Keys, scores: Floats, k: int) -> tuple[Keys, Floats]:
    """The k largest positive scores of rectangles `[n, w]`, as `top_ragged` returns them."""
    n, width = items.shape
    packed = np.full((n, k), _LAST, np.uint64)
    if width:
        packed[:, : min(k, width)] = _smallest(pack(items, scores), k)
    return unpack(packed)


def pack(items: Keys, scores: Floats) -> npt.NDArray[np.uint64]:
    """One integer per cell: smaller is better. Absent items and scores not above 0 come last."""
    bits = np.ascontiguousarray(scores, np.float32).view(np.uint32)  # positive floats sort as their bits
    packed = (~bits).astype(np.uint64) << np.uint64(32) | items.astype(np.uint32)
    packed[(items < 0) | ~(scores > 0)] = _LAST
    return packed


def unpack(packed: npt.NDArray[np.uint64]) -> tuple[Keys, Floats]:
    """Items and scores of packed cells; -1 and 0 where a cell is padding."""
    absent = packed == _LAST
    items = (packed & np.uint64(0xFFFF_FFFF)).astype(np.uint32).view(np.int32)
    scores = (~(packed >> np.uint64(32)).astype(np.uint32)).view(np.float32)
    items[absent], scores[absent] = -1, 0.0
    return items, scores


def _smallest(cells: npt.NDArray[np.uint64], k: int) -> npt.NDArray[np.uint64]:
    if cells.shape[1] > k:
        cells = np.partition(cells, k - 1, axis=1)[:, :k]
    return np.sort(cells, axis=1)


def member(codes: Longs, sorted_codes: Longs) -> npt.NDArray[np.bool_]:
    """Whether each code is among the sorted ones, in the shape of `codes`."""
    if not len(sorted_codes):
        return np.zeros(codes.shape, bool)
    places = np.minimum(np.searchsorted(sorted_codes, codes), len(sorted_codes) - 1)
    found: npt.NDArray[np.bool_] = sorted_codes[places] == codes
    return found
