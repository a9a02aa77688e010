"""Columns of the ranker's input, filled row by row; rows of one user stand together, in `row`
order.

Throughout: `row [rows]` and `column [rows]` say which candidate a row is, `place [n_items]` where
an item's vector is (-1: it has none), `out [rows, w]` is what is filled.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import CACHE_LINE, dot, kernel
from recsys_tasks.retrieval.select import NOTHING, Bits, Cells, rising

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]

FADE = np.float32(0.9)
"""What an item of the history weighs beside the one that came after it."""


@kernel
def dots(
    users: Floats,
    known: npt.NDArray[np.bool_],
    items: Keys,
    place: Places,
    vectors: Floats,
    out: Floats,
) -> None:
    """`out [n, c]`: dot of each user's vector `users [n, d]` with that row's items; NaN where
    either is unknown.
    """
    for u in range(len(items)):
        for c in range(items.shape[1]):
            at = place[items[u, c]] if items[u, c] >= 0 else -1
            out[u, c] = dot(users, u, vectors, at) if known[u] and at >= 0 else np.nan


def standing(scores: Floats, absent: int, ranks: Floats, standard: Floats) -> None:
    """Per row of `scores [n, c]` (NaN: unknown): its rank, ties by column, and its distance from
    the mean.
    """
    cells = np.empty(scores.shape, np.uint64)
    _by_column(scores, scores.view(np.uint32), cells)
    cells.sort(axis=1)
    _stand(scores, cells, absent, ranks, standard)


@kernel
def _by_column(scores: Floats, bits: Bits, cells: Cells) -> None:
    for u in range(len(scores)):
        for c in range(scores.shape[1]):
            known = not np.isnan(scores[u, c])
            cells[u, c] = (
                (np.uint64(~rising(bits[u, c])) << np.uint64(32)) | np.uint64(c)
                if known
                else NOTHING
            )


@kernel
def _stand(scores: Floats, cells: Cells, absent: int, ranks: Floats, standard: Floats) -> None:
    width = scores.shape[1]
    for u in range(len(scores)):
        count, total = 0, 0.0
        while count < width and cells[u, count] != NOTHING:
            column = np.int64(cells[u, count] & np.uint64(0xFFFF_FFFF))
            ranks[u, column] = count
            total += scores[u, column]
            count += 1
        mean, squares = total / max(count, 1), 0.0
        for c in range(width):
            if not np.isnan(scores[u, c]):
                squares += (scores[u, c] - mean) ** 2
        deviation = np.sqrt(squares / max(count, 1))
        for c in range(width):
            if np.isnan(scores[u, c]):
                ranks[u, c] = absent
                standard[u, c] = np.nan
            else:
                standard[u, c] = (scores[u, c] - mean) / (deviation if deviation > 1e-9 else 1.0)


@kernel
def to_history(
    row: Keys, items: Keys, history: Keys, place: Places, vectors: Floats, out: Floats
) -> None:
    """Dot with the last item of `history [n, L]` (newest first, -1 pads), largest and mean dot over
    it.
    """
    past = np.empty((history.shape[1], vectors.shape[1]), np.float32)
    kept, seen = np.empty(history.shape[1], np.int32), np.empty(1, np.float32)
    start = 0
    while start < len(row):
        user, stop = row[start], start
        while stop < len(row) and row[stop] == user:
            stop += 1
        known = read_history(history[user], place, vectors, past, kept)
        if known == 0:
            out[start:stop] = np.nan
        else:
            seen[0] = touched(items[start:stop], place, vectors)
            last = kept[0] == history[user, 0]
            _to_past(items[start:stop], place, vectors, past[:known], last, out[start:stop])
        start = stop


@kernel
def touched(items: Keys, place: Places, vectors: Floats) -> np.float32:
    """Read something of every line of memory of the items' vectors: many come at once where nothing
    else is done.

    What is returned only keeps the reading from being left out.
    """
    total = np.float32(0.0)
    for r in range(len(items)):
        at = max(place[items[r]], 0)
        for d in range(0, vectors.shape[1], CACHE_LINE):
            total += vectors[at, d]
    return total


@kernel
def _to_past(
    items: Keys, place: Places, vectors: Floats, past: Floats, last: bool, out: Floats
) -> None:
    known = len(past)
    for r in range(len(items)):
        mine = place[items[r]]
        if mine < 0:
            out[r, 0] = out[r, 1] = out[r, 2] = np.nan
            continue
        most, total, first = np.float32(-np.inf), np.float32(0.0), np.float32(0.0)
        for h in range(known):
            near = dot(vectors, mine, past, h)
            first = near if h == 0 else first
            most = max(most, near)
            total += near
        out[r, 0] = first if last else np.nan
        out[r, 1] = most
        out[r, 2] = total / np.float32(known)


@kernel
def read_history(history: Keys, place: Places, vectors: Floats, past: Floats, kept: Places) -> int:
    """Vectors of the history items that have one into `past [L, d]`, and their keys; returns how
    many they are.
    """
    known = 0
    for h in range(len(history)):
        if history[h] >= 0 and place[history[h]] >= 0:
            past[known] = vectors[place[history[h]]]
            kept[known] = history[h]
            known += 1
    return known


@kernel
def beside_history(
    row: Keys,
    items: Keys,
    history: Keys,
    others: Keys,
    strengths: Floats,
    place: Places,
    out: Floats,
) -> None:
    """How strongly each candidate stands beside the user's newest items in everybody's sequences.

    `others`, `strengths [m, t]`: what comes after (or before) each item there, -1 pads; `place
    [n_items]`: all -1, and so again at the end. Filled are the strength beside the last item, the
    largest, and the sum, which fades.
    """
    out[:] = 0
    start = 0
    while start < len(row):
        user, stop = row[start], start
        while stop < len(row) and row[stop] == user:
            place[items[stop]] = stop
            stop += 1
        weight = np.float32(1.0)
        for h in range(history.shape[1]):
            past = history[user, h]
            if past < 0:
                break
            if past < len(others):
                _beside(others[past], strengths[past], h == 0, weight, place, out)
            weight *= FADE
        for r in range(start, stop):
            place[items[r]] = -1
        start = stop


@kernel
def _beside(
    others: Keys, strengths: Floats, last: bool, weight: np.float32, place: Places, out: Floats
) -> None:
    for t in range(len(others)):
        if others[t] < 0:
            break
        r = place[others[t]]
        if r >= 0:
            out[r, 0] = strengths[t] if last else out[r, 0]
            out[r, 1] = max(out[r, 1], strengths[t])
            out[r, 2] += weight * strengths[t]


@kernel
def content_to_history(
    row: Keys,
    items: Keys,
    history: Keys,
    values: Floats,
    columns: Places,
    starts: Places,
    profile: Floats,
    out: Floats,
) -> None:
    """Content similarity with the last item and with the mean of the history.

    `values`, `columns`, `starts`: items' content as CSR; `profile [v, 2]`: all 0, and so again at
    the end.
    """
    at = -1
    for r in range(len(row)):
        if row[r] != at:
            if at >= 0:
                _forget(history[at], columns, starts, profile)
            at = row[r]
            _profile(history[at], values, columns, starts, profile)
        last, mean = np.float32(0.0), np.float32(0.0)
        for k in range(starts[items[r]], starts[items[r] + 1]):
            last += values[k] * profile[columns[k], 0]
            mean += values[k] * profile[columns[k], 1]
        out[r, 0] = last
        out[r, 1] = mean
    if at >= 0:
        _forget(history[at], columns, starts, profile)


@kernel
def _profile(past: Keys, values: Floats, columns: Places, starts: Places, profile: Floats) -> None:
    size = 0
    for h in range(len(past)):
        size += past[h] >= 0
    for h in range(len(past)):
        if past[h] >= 0:
            for k in range(starts[past[h]], starts[past[h] + 1]):
                profile[columns[k], 1] += values[k] / np.float32(size)
                if h == 0:
                    profile[columns[k], 0] = values[k]


@kernel
def _forget(past: Keys, columns: Places, starts: Places, profile: Floats) -> None:
    for h in range(len(past)):
        if past[h] >= 0:
            for k in range(starts[past[h]], starts[past[h] + 1]):
                profile[columns[k], 0] = profile[columns[k], 1] = 0
