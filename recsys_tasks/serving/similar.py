"""Nearest items of every item: exact by blocked matrix products, or by the night's index for large
catalogues.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.ids import Keys
from recsys_tasks.serving.load import SIMILAR_SCHEMA

Floats = npt.NDArray[np.float32]
EXACT_UP_TO = 200_000
"""Items compared with every other; beyond, their number squared takes too long and the index
answers.
"""
BLOCK_FLOATS = 32_000_000
"""Similarities in memory at once (128 MB)."""
STRIPES = 64
"""Columns that one group's maximum stands for."""
SEARCH_ROWS = 8192
"""Items that the index is asked for at once."""


class Searcher(Protocol):
    """Finds items by inner product; see retrieval.index."""

    def search(self, vectors: Floats, k: int) -> tuple[Keys, Floats]:
        """Keys and scores `[n, k]`, best first; -1 where fewer are found."""
        ...


def similar_items(
    item_keys: Keys,
    vectors: Floats,
    eligible: npt.NDArray[np.bool_],
    size: int,
    searcher: Searcher | None = None,
    threads: int | None = None,
) -> pa.Table:
    """Rows for `load_similar`: the `size` nearest eligible items of every item, by cosine, best
    first.

    `item_keys: [m] int32`, `vectors: [m, d] float32` row by row; `eligible: [n_items] bool` by item
    key: only such items are named as neighbours. An item is never its own neighbour. Ties: the
    smaller item key. An item whose vector is zero, which nobody knows, has no row and is nobody's
    neighbour. Above EXACT_UP_TO items a `searcher` over the same vectors, or the eligible ones,
    answers: near, not exact, and rows may be short. `threads` select among the similarities; None
    takes every core.
    """
    item_keys, unit = _directions(item_keys, vectors)
    if searcher is not None and len(item_keys) > EXACT_UP_TO:
        return _by_index(item_keys, unit, eligible, size, searcher)
    keep = eligible[item_keys]
    order = np.argsort(item_keys[keep], kind="stable")
    target_keys, targets = item_keys[keep][order], np.ascontiguousarray(unit[keep][order])
    size = min(size, len(target_keys) - 1)
    if size < 1:
        return SIMILAR_SCHEMA.empty_table()
    step, workers = max(1, BLOCK_FLOATS // len(target_keys)), threads or os.cpu_count() or 1
    found: list[tuple[Keys, Floats]] = []
    # BLAS multiplies on every core; NumPy selects on one, so each worker takes some rows of the
    # block.
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(item_keys), step):
            similarity = unit[start : start + step] @ targets.T
            own = item_keys[start : start + step]
            found += _in_parts(pool, workers, similarity, own, target_keys, size)
    keys, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    arrays = [
        pa.array(item_keys, pa.int32()),
        fixed_lists(keys, pa.int32()),
        fixed_lists(scores, pa.float32()),
    ]
    return pa.Table.from_arrays(arrays, schema=SIMILAR_SCHEMA)


def _directions(item_keys: Keys, vectors: Floats) -> tuple[Keys, Floats]:
    """The items whose vectors point anywhere, and these at length one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, 1e-12).astype(np.float32)
    known = np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)
    return (item_keys, unit) if known.all() else (item_keys[known], unit[known])


def _in_parts(
    pool: ThreadPoolExecutor, workers: int, similarity: Floats, own: Keys, targets: Keys, size: int
) -> list[tuple[Keys, Floats]]:
    """`_nearest` of a block, its rows shared among the workers, in order."""
    share = -(-len(own) // workers)
    cuts = [slice(first, first + share) for first in range(0, len(own), share)]
    return list(pool.map(lambda cut: _nearest(similarity[cut], own[cut], targets, size), cuts))


def _nearest(similarity: Floats, own: Keys, targets: Keys, size: int) -> tuple[Keys, Floats]:
    """The `size` best columns of each row as item keys and scores, best first, the row's own item
    left out.

    `similarity: [n, t]` is changed; `targets: [t]` is sorted.
    """
    place = np.searchsorted(targets, own).clip(max=len(targets) - 1)
    rows = np.flatnonzero(targets[place] == own)
    similarity[rows, place[rows]] = -np.inf
    columns = _best_columns(similarity, size)
    scores = np.take_along_axis(similarity, columns, axis=1).clip(-1.0, 1.0)
    return targets[columns].astype(np.int32), scores


def _best_columns(values: Floats, size: int) -> npt.NDArray[np.int64]:
    """Columns of the `size` largest of each row, best first, equal ones by column. `values: [n,
    t]`, t ≥ size.
    """
    width = values.shape[1]
    groups = width // STRIPES
    if groups <= 4 * size:
        columns = np.broadcast_to(np.arange(width), values.shape)
        return _ordered(values, values, columns, size)
    # The size largest of the groups' maxima bound the size-th largest value from below, so no
    # smaller group holds one. Group g is every groups-th column: maxima of whole stripes run at
    # memory speed.
    even = groups * STRIPES
    maxima = values[:, :even].reshape(len(values), STRIPES, groups).max(axis=1)
    chosen = np.argpartition(maxima, groups - size, axis=1)[:, groups - size :]
    columns = (chosen[:, None, :] + np.arange(STRIPES)[:, None] * groups).reshape(len(values), -1)
    rest = np.broadcast_to(np.arange(even, width), (len(values), width - even))
    columns = np.concatenate([columns, rest], axis=1)
    found = _ordered(values, np.take_along_axis(values, columns, axis=1), columns, size)
    worst = np.take_along_axis(values, found[:, -1:], axis=1)
    # A group that was left out may hold equals of the last place: then all of the row is asked.
    tied = np.flatnonzero((maxima >= worst).sum(axis=1) > size)
    for row in tied:
        found[row] = _first_equals(values[row], worst[row, 0], size)
    return found


def _ordered(
    values: Floats, candidates: Floats, columns: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.int64]:
    """Of each row's candidates (`[n, c]`, found at `columns`) the columns of the `size` best, best
    first.
    """
    c = candidates.shape[1]
    top = np.argpartition(candidates, c - size, axis=1)[:, c - size :]
    scores, picked = (
        np.take_along_axis(candidates, top, axis=1),
        np.take_along_axis(columns, top, axis=1),
    )
    order = np.lexsort((picked, -scores), axis=1)
    found: npt.NDArray[np.int64] = np.take_along_axis(picked, order, axis=1)
    worst = scores.min(axis=1, keepdims=True)
    for row in np.flatnonzero(
        (candidates >= worst).sum(axis=1) > size
    ):  # a partition picks any of equals
        found[row] = _first_equals(values[row], worst[row, 0], size)
    return found


def _first_equals(row: Floats, worst: np.float32, size: int) -> npt.NDArray[np.int64]:
    """The `size` best columns of one row whose size-th best value is `worst`."""
    columns = np.flatnonzero(row >= worst)
    return columns[np.lexsort((columns, -row[columns]))][:size]


def _by_index(
    item_keys: Keys, unit: Floats, eligible: npt.NDArray[np.bool_], size: int, searcher: Searcher
) -> pa.Table:
    """What the index finds of twice as many, so that the item itself and those not eligible leave
    enough.
    """
    tables = []
    for start in range(0, len(item_keys), SEARCH_ROWS):
        own = item_keys[start : start + SEARCH_ROWS]
        keys, scores = searcher.search(unit[start : start + SEARCH_ROWS], 2 * size + 1)
        wanted = (keys >= 0) & eligible[keys.clip(min=0)] & (keys != own[:, None])
        wanted &= np.cumsum(wanted, axis=1) <= size
        offsets = np.concatenate([[0], np.cumsum(wanted.sum(axis=1))]).astype(np.int32)
        lists = [
            pa.ListArray.from_arrays(offsets, pa.array(keys[wanted], pa.int32())),
            pa.ListArray.from_arrays(
                offsets, pa.array(scores[wanted].clip(-1.0, 1.0), pa.float32())
            ),
        ]
        tables.append(
            pa.Table.from_arrays([pa.array(own, pa.int32()), *lists], schema=SIMILAR_SCHEMA)
        )
    return pa.concat_tables(tables)


def fixed_lists(values: npt.NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    """A `[n, s]` array as n lists of s values."""
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel(), kind))
