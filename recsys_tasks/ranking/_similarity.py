"""Similarities of candidates with a user and with the user's history, in tower and in content space."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.ids import Keys
from recsys_tasks.ranking.inputs import Vectors

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

CHUNK_USERS = 128
"""Users whose vectors are gathered at once: keeps the gathered block within the processor's cache."""
CHUNK_CELLS = 500_000
"""Cells of dense content profiles held at once, for the same reason."""


def vectors_of(known: Keys, vectors: Floats, keys: npt.NDArray[np.int32]) -> Floats:
    """`[..., d]` vectors of keys; NaN where a key has none, pads (-1) included. `known` is sorted."""
    if len(known) == 0:
        return np.full((*keys.shape, vectors.shape[1]), np.nan, np.float32)
    dense = int(known[-1]) == len(known) - 1  # every key has a vector: it is its own place
    place = np.clip(keys if dense else np.searchsorted(known, keys), 0, len(known) - 1)
    found = vectors[place]
    found[known[place] != keys] = np.nan
    return np.asarray(found, np.float32)


def user_scores(embeddings: Vectors, users: Keys, items: npt.NDArray[np.int32]) -> Floats:
    """`[n, c]` dots of each user with that row's items; NaN where either has no vector."""
    scores = np.empty(items.shape, np.float32)
    for start in range(0, len(users), CHUNK_USERS):
        part = slice(start, start + CHUNK_USERS)
        user = vectors_of(embeddings.user_keys, embeddings.user_vectors, users[part])
        item = vectors_of(embeddings.item_keys, embeddings.item_vectors, items[part])
        scores[part] = (item @ user[:, :, None])[:, :, 0]
    return scores


def standardised(scores: Floats) -> Floats:
    """`[n, c]` with zero mean and unit deviation in each row, NaN kept; 0 where a row is constant."""
    there = ~np.isnan(scores)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    centred = scores - np.where(there, scores, 0).sum(axis=1, keepdims=True) / count
    deviation = np.sqrt(np.where(there, centred**2, 0).sum(axis=1, keepdims=True) / count)
    return np.asarray(centred / np.where(deviation > 1e-9, deviation, 1.0), np.float32)


def to_history(embeddings: Vectors, history: npt.NDArray[np.int32], row: Ints, items: Keys) -> Floats:
    """`[rows, 3]`: dot with the last item, largest and mean dot over the history; NaN without vectors.

    `history [n, L]` newest first, -1 pads; `row [rows]` sorted rows of `history` that the items belong to.
    """
    out = np.empty((len(items), 3), np.float32)
    bounds = np.searchsorted(row, np.arange(0, len(history) + CHUNK_USERS, CHUNK_USERS))
    for at, (start, end) in enumerate(pairwise(bounds)):
        if start == end:
            continue
        first = at * CHUNK_USERS
        past = vectors_of(embeddings.item_keys, embeddings.item_vectors, history[first : first + CHUNK_USERS])
        out[start:end] = _to_past(past, row[start:end] - first, items[start:end], embeddings)
    return out


def _to_past(past: Floats, row: Ints, items: Keys, embeddings: Vectors) -> Floats:
    """`[rows, 3]` for one chunk; the ragged rows are laid out as `[users, widest, d]` for one matrix product."""
    counts = np.bincount(row, minlength=len(past))
    column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = np.full((len(past), int(counts.max())), -1, np.int32)
    padded[row, column] = items
    vectors = vectors_of(embeddings.item_keys, embeddings.item_vectors, padded)
    known = ~np.isnan(past[:, :, 0])
    size = known.sum(axis=1)[:, None].astype(np.float32)
    # Unknown places repeat a known vector, so that the largest dot needs no mask; without any, all is NaN.
    some = np.take_along_axis(past, known.argmax(axis=1)[:, None, None], axis=1)
    dots = vectors @ np.where(known[:, :, None], past, some).transpose(0, 2, 1)
    total = np.where(known[:, :, None], past, np.float32(0)).sum(axis=1)
    mean = (vectors @ total[:, :, None])[:, :, 0] / np.where(size > 0, size, np.nan)
    last = np.where(known[:, :1], dots[:, :, 0], np.nan)
    stacked = np.stack([last, dots.max(axis=2), mean], axis=2)
    return np.asarray(stacked[row, column], np.float32)


def content_to_history(
    content: sparse.csr_matrix | None, history: npt.NDArray[np.int32], row: Ints, items: Keys
) -> Floats:
    """`[rows, 2]`: content similarity with the last item and with the mean of the history; NaN without content."""
    out = np.full((len(items), 2), np.nan, np.float32)
    if content is None:
        return out
    step = max(1, min(CHUNK_USERS, CHUNK_CELLS // content.shape[1]))
    bounds = np.searchsorted(row, np.arange(0, len(history) + step, step))
    for at, (start, end) in enumerate(pairwise(bounds)):
        if start == end:
            continue
        past = history[at * step : (at + 1) * step]
        mine = content[items[start:end]]
        entry_row = np.repeat(np.arange(end - start), np.diff(mine.indptr))
        user = row[start:end][entry_row] - at * step
        for column, profile in enumerate((_mean_content(content, past[:, :1]), _mean_content(content, past))):
            products = mine.data * profile[user, mine.indices]
            out[start:end, column] = np.bincount(entry_row, weights=products, minlength=end - start)
    return out


def _mean_content(content: sparse.csr_matrix, past: npt.NDArray[np.int32]) -> Floats:
    """`[users, v]` mean content of each row's items."""
    user, place = np.nonzero(past >= 0)
    share = 1.0 / np.maximum((past >= 0).sum(axis=1), 1)
    pick = sparse.csr_matrix(
        (share[user].astype(np.float32), (user, past[user, place])), shape=(len(past), content.shape[0])
    )
    return np.asarray((pick @ content).toarray(), np.float32)
