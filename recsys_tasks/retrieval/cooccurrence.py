"""Which items go together: within users, weighted by recency, and along each user's sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.histories import Histories, step_numbers
from recsys_tasks.retrieval.select import Floats, top_ragged
from recsys_tasks.snapshot.dataset import Events

NEIGHBOURS = 100
RECENCY_HALF_LIFE_DAYS = 42.0
WINDOW_STEPS = 5
BACKWARD = 0.6
POPULARITY_PRIOR = 5.0
MAX_ITEMS_PER_USER = 1000
MAX_ITEMS_PER_STEP = 100


def together(histories: Histories, n_items: int, cutoff: int) -> sp.csr_matrix:
    """Users who had both, `[m, m]`: each user counts 1/(their items + 1), each item by its recency.

    Taste changes: a pair of items held long ago counts less (half-life 42 days, for the catalogue as
    a whole), and a user with a thousand items says little about any two of them.
    """
    rows = histories.rows
    newest = np.arange(len(rows)) - histories.offsets[rows] < MAX_ITEMS_PER_USER
    rows, items = rows[newest], histories.items[newest]
    sizes = np.bincount(rows, minlength=len(histories.offsets) - 1)
    age = (cutoff - histories.last[newest]) / DAY_SECONDS
    values = np.exp2(-age / RECENCY_HALF_LIFE_DAYS) / np.sqrt(sizes[rows] + 1.0)
    shape = (len(sizes), n_items)
    held = sp.csr_matrix((values.astype(np.float32), (rows, items)), shape=shape)
    return _normalised(sp.csr_matrix(held.T @ held), np.asarray(held.sum(axis=0)).ravel() + POPULARITY_PRIOR)


def following(events: Events, n_items: int) -> sp.csr_matrix:
    """Items near each other in users' sequences, `[m, m]`: entry (i, j) is j's weight after i.

    A moment (one timestamp, e.g. a basket) is one step; items d steps apart count 1/d forward and
    .6/d backward, up to five steps; mates of one moment count as one step. Long baskets share their
    weight: each entry is divided by the root of its basket's size.
    """
    steps = step_numbers(events)
    n_steps = int(steps[-1]) + 1 if len(steps) else 0
    order = np.lexsort((events.item, steps))
    place = np.arange(len(steps)) - np.searchsorted(steps, steps)
    chosen = order[place < MAX_ITEMS_PER_STEP]
    sizes = np.bincount(steps[chosen], minlength=n_steps)
    values = (1.0 / np.sqrt(np.maximum(sizes, 1)))[steps[chosen]].astype(np.float32)
    at = sp.csr_matrix((values, (steps[chosen], events.item[chosen])), shape=(n_steps, n_items))
    owner = np.zeros(n_steps, np.int64)
    owner[steps] = events.user
    total = sp.csr_matrix(at.T @ at)
    for distance in range(1, WINDOW_STEPS + 1):
        if n_steps <= distance:
            break
        same = sp.diags((owner[distance:] == owner[:-distance]).astype(np.float32) / distance)
        forward = at[:-distance].T @ (same @ at[distance:])
        total = total + forward + BACKWARD * forward.T
    return _normalised(sp.csr_matrix(total), np.bincount(events.item, minlength=n_items) + POPULARITY_PRIOR)


def _normalised(pairs: sp.csr_matrix, popularity: npt.NDArray[np.floating[Any]]) -> sp.csr_matrix:
    """Divided by the root of both items' popularity, without the diagonal."""
    pairs.setdiag(0.0)
    pairs.eliminate_zeros()
    root = sp.diags(1.0 / np.sqrt(popularity))
    return sp.csr_matrix(root @ pairs @ root, dtype=np.float32)


def neighbours(shares: Mapping[float, sp.csr_matrix], allowed: npt.NDArray[np.bool_]) -> tuple[Keys, Floats]:
    """Best neighbours in a mixture of matrices by share, each first scaled to a mean row sum of 1.

    Only `allowed` items appear. Returns `[m, t] int32` padded with -1 and `[m, t] float32`.
    """
    mixed = sp.csr_matrix((len(allowed), len(allowed)), dtype=np.float32)
    for share, matrix in shares.items():
        filled = int((np.diff(matrix.indptr) > 0).sum())
        total = float(matrix.sum(dtype=np.float64))
        mixed = mixed + matrix * np.float32(share * filled / max(total, 1e-12))
    mixed = sp.csr_matrix(mixed @ sp.diags(allowed.astype(np.float32)), dtype=np.float32)
    return top_ragged(mixed.indptr.astype(np.int64), mixed.indices, mixed.data, NEIGHBOURS)
