"""Each generator's lists of a block of users, filled user by user into rows that the caller made.

Throughout: row r's history is [offsets[r], offsets[r + 1]) of `own` (item keys, newest first) and
`barred` (what tonight's list must not repeat); `items [n, q]` comes filled with -1, `scores [n, q]`
with 0; `eligible [n_items]`: what may be named.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import CACHE_LINE, kernel
from recsys_tasks.retrieval.select import (
    NOTHING,
    Bits,
    Cells,
    Floats,
    Longs,
    first_sorted,
    packed,
    unpack,
)

Flags = npt.NDArray[np.bool_]
Steps = npt.NDArray[np.int32]
Places = npt.NDArray[np.signedinteger[Any]]


@kernel
def allowed(
    named: Keys,
    named_scores: Floats,
    which: Longs,
    rows: Longs,
    offsets: Longs,
    own: Keys,
    barred: Flags,
    eligible: Flags,
    marked: Keys,
    items: Keys,
    scores: Floats,
) -> None:
    """The first items of list `which[l]` of `named` that row `rows[l]` may see. `marked`: as in
    `fresh_items`.
    """
    for place in range(len(rows)):
        row, found = rows[place], 0
        for at in range(offsets[row], offsets[row + 1]):
            if barred[at]:
                marked[own[at]] = row
        for column in range(named.shape[1]):
            item = named[which[place], column]
            if found == items.shape[1]:
                break
            if item >= 0 and eligible[item] and marked[item] != row:
                items[row, found] = item
                scores[row, found] = named_scores[which[place], column]
                found += 1


@kernel
def covisited(
    offsets: Longs,
    own: Keys,
    barred: Flags,
    decay: Floats,
    steps: Steps,
    newest: int,
    neighbours: Keys,
    strengths: Floats,
    sums: Floats,
    sum_bits: Bits,
    touched: Keys,
    cells: Cells,
) -> int:
    """What goes with the user's `newest` items, each weighing `decay[its step]`, as cells; returns
    how wide they are.

    `sums [n_items]`: all 0; `cells [n, w]` may hold anything.
    """
    counts, seen = np.empty(len(offsets) - 1, np.int64), np.empty(1, np.float32)
    for row in range(len(offsets) - 1):
        start, stop, count = offsets[row], offsets[row + 1], 0
        seen[0] = _touched(own[start : min(stop, start + newest)], neighbours, strengths)
        for at in range(start, min(stop, start + newest)):
            weight = decay[min(steps[at], len(decay) - 1)]
            count = _add(neighbours[own[at]], strengths[own[at]], weight, sums, touched, count)
        for at in range(start, stop):
            if barred[at]:
                sums[own[at]] = 0
        kept = 0
        for at in range(count):
            item = touched[at]
            cells[row, kept] = packed(sum_bits[item], item)
            kept += 1 if sums[item] > 0 else 0  # not barred, and not here before
            sums[item] = 0
        counts[row] = kept
    return _ended(cells, counts)


@kernel
def _ended(cells: Cells, counts: Longs) -> int:
    """Let each row of cells end behind its first few, as far as the longest of them; returns how
    long that is.
    """
    widest = 0
    for row in range(len(counts)):
        widest = max(widest, counts[row])
    for row in range(len(counts)):
        cells[row, counts[row] : widest] = NOTHING
    return widest


@kernel
def _touched(items: Keys, neighbours: Keys, strengths: Floats) -> np.float32:
    """Read something of every line of memory of the items' rows: many come at once where nothing
    else is done.

    What is returned only keeps the reading from being left out.
    """
    total = np.float32(0.0)
    for item in items:
        for column in range(0, neighbours.shape[1], CACHE_LINE):
            total += np.float32(neighbours[item, column]) + strengths[item, column]
    return total


@kernel
def _add(
    items: Keys, strengths: Floats, weight: np.float32, sums: Floats, touched: Keys, count: int
) -> int:
    """Add one item's neighbours to the sums and to what is touched, again and again; returns how
    many that makes.
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
def own_items(
    offsets: Longs,
    own: Keys,
    barred: Flags,
    weights: Floats,
    weight_bits: Bits,
    eligible: Flags,
    cells: Cells,
    items: Keys,
    bits: Bits,
) -> None:
    """The user's own items by decayed count; `weights` are above 0."""
    for row in range(len(offsets) - 1):
        count = 0
        for at in range(offsets[row], offsets[row + 1]):
            if not barred[at] and eligible[own[at]]:
                cells[count] = packed(weight_bits[at], own[at])
                count += 1
        unpack(cells, first_sorted(cells, count, items.shape[1]), items[row], bits[row])


@kernel
def fresh_items(
    offsets: Longs,
    own: Keys,
    barred: Flags,
    decay: Floats,
    steps: Steps,
    newest: int,
    fresh: Keys,
    newness: Floats,
    words: tuple[Floats, Places, Places],
    content: Floats,
    columns: Places,
    starts: Places,
    profile: Floats,
    marked: Keys,
    alike: Floats,
    alike_bits: Bits,
    limit: int,
    cells: Cells,
) -> int:
    """New items by the cosine of their content with that of the user's `newest` items, plus
    `newness`, as cells.

    All that may be among the best `limit` of them are there; returns how wide they are. `cells [n,
    f]` may hold anything. `content`, `columns`, `starts`: rows of unit length as CSR, `words`:
    those of the new items; `profile [v]`: all 0; `marked [n_items]`: -1 everywhere, or as a kernel
    of the same rows left it.
    """
    counts = np.empty(len(offsets) - 1, np.int64)
    for row in range(len(offsets) - 1):
        start, stop = offsets[row], offsets[row + 1]
        last = min(stop, start + newest)
        for at in range(start, last):
            _scale_into(
                own[at], decay[min(steps[at], len(decay) - 1)], content, columns, starts, profile
            )
        squares = np.float32(0.0)  # |profile|² = Σ weight · <content, profile>
        for at in range(start, last):
            squares += decay[min(steps[at], len(decay) - 1)] * _along(
                own[at], content, columns, starts, profile
            )
        scale = np.float32(1.0) / np.sqrt(squares) if squares > 0 else np.float32(0.0)
        any_barred = False
        for at in range(start, stop):
            if barred[at]:
                marked[own[at]], any_barred = row, True
        count, least = (
            0,
            np.float32(np.inf),
        )  # of the first `limit`: whatever is below it has so many before it
        for at in range(len(fresh)):
            item = fresh[at]
            if any_barred and marked[item] == row:
                continue
            alike[at] = _along(at, *words, profile) * scale + newness[at]
            if alike[at] > 0 and (count < limit or alike[at] >= least):
                cells[row, count] = packed(alike_bits[at], item)
                count += 1
                least = min(least, alike[at]) if count <= limit else least
        counts[row] = count
        for at in range(start, last):
            _scale_into(own[at], np.float32(0.0), content, columns, starts, profile)
    return _ended(cells, counts)


@kernel
def _scale_into(
    item: np.int32,
    weight: np.float32,
    content: Floats,
    columns: Places,
    starts: Places,
    profile: Floats,
) -> None:
    """Add an item's content to the profile; weight 0 clears it there."""
    for place in range(starts[item], starts[item + 1]):
        if weight == 0:
            profile[columns[place]] = 0
        else:
            profile[columns[place]] += weight * content[place]


@kernel
def _along(
    item: int | np.int32, content: Floats, columns: Places, starts: Places, profile: Floats
) -> np.float32:
    """Dot of an item's content with the profile."""
    total = np.float32(0.0)
    for place in range(starts[item], starts[item + 1]):
        total += content[place] * profile[columns[place]]
    return total
