"""Which items go together: within users, weighted by recency, and along each user's sequence.

The matrix of all item pairs is never in memory: it is the product of two sparse matrices, of which
a few rows at a time are multiplied and cut to their best neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from recsys_tasks.arrays import AnyArray, Bool, Float32
from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.histories import Histories, step_numbers
from recsys_tasks.retrieval.select import top_ragged
from recsys_tasks.snapshot.events import Events

NEIGHBOURS = 100
RECENCY_HALF_LIFE_DAYS = 42.0
WINDOW_STEPS = 5
BACKWARD = 0.6
POPULARITY_PRIOR = 5.0
MAX_ITEMS_PER_USER = 1000
MAX_ITEMS_PER_STEP = 100
_BLOCK_PRODUCTS = 50_000_000


@dataclass(frozen=True)
class Pairs:
    """Strength of item pairs, `[m, m]`, as the product of `left [m, x]` and `right [x, m]`,
    diagonal left out.
    """

    left: sp.csr_matrix
    right: sp.csr_matrix

    def rows(self, start: int, stop: int) -> sp.csr_matrix:
        """Some rows, multiplied out."""
        block = sp.csr_matrix(self.left[start:stop] @ self.right)
        own = np.repeat(np.arange(start, stop), np.diff(block.indptr))
        block.data[block.indices == own] = 0.0
        return block

    def turned(self) -> Pairs:
        """Pair (j, i) as strong as (i, j) was."""
        return Pairs(sp.csr_matrix(self.right.T), sp.csr_matrix(self.left.T))

    def mean_row_sum(self) -> float:
        """Sum of all pairs over the number of items that occur."""
        whole = float((self.left @ np.asarray(self.right.sum(axis=1)).ravel()).sum())
        diagonal = float(self.left.multiply(self.right.T).sum())
        return max(whole - diagonal, 0.0) / max(int((np.diff(self.left.indptr) > 0).sum()), 1)


def together(histories: Histories, n_items: int, cutoff: int) -> Pairs:
    """Users who had both: each user counts 1/(their items + 1), each item by its recency.

    Taste changes: a pair of items from long ago counts less (half-life 42 days, for the catalogue
    as a whole), and a user with a thousand items says little about any two of them.
    """
    rows = histories.rows
    newest = np.arange(len(rows)) - histories.offsets[rows] < MAX_ITEMS_PER_USER
    rows, items = rows[newest], histories.items[newest]
    sizes = np.bincount(rows, minlength=len(histories.offsets) - 1)
    age = (cutoff - histories.last[newest]) / DAY_SECONDS
    values = np.exp2(-age / RECENCY_HALF_LIFE_DAYS) / np.sqrt(sizes[rows] + 1.0)
    held = sp.csr_matrix((values.astype(np.float32), (rows, items)), shape=(len(sizes), n_items))
    return _normalised(held, held, np.asarray(held.sum(axis=0)).ravel())


def following(events: Events, n_items: int, backward: float = BACKWARD) -> Pairs:
    """Items near each other in users' sequences: pair (i, j) is j's weight after i.

    A timestamp (e.g. a basket) is one step; items d steps apart count 1/d forward and
    `backward`/d backward, up to five steps; mates of one basket count as one step. Long baskets
    share their weight: each entry is divided by the root of its basket's size.
    """
    steps = step_numbers(events)
    n_steps = int(steps[-1]) + 1 if len(steps) else 0
    order = np.lexsort((events.item, steps))
    place = np.arange(len(steps)) - np.searchsorted(steps, steps)
    chosen = order[place < MAX_ITEMS_PER_STEP]
    sizes = np.bincount(steps[chosen], minlength=n_steps)
    values = (1.0 / np.sqrt(np.maximum(sizes, 1)))[steps[chosen]].astype(np.float32)
    baskets = sp.csr_matrix(
        (values, (steps[chosen], events.item[chosen])), shape=(n_steps, n_items)
    )
    owner = np.zeros(n_steps, np.int64)
    owner[steps] = events.user
    near = sp.identity(n_steps, dtype=np.float32, format="csr")
    for distance in range(1, min(WINDOW_STEPS, n_steps - 1) + 1):
        same = (owner[distance:] == owner[:-distance]).astype(np.float32) / distance
        near = near + sp.diags([same, backward * same], [distance, -distance], dtype=np.float32)
    return _normalised(
        baskets, sp.csr_matrix(near @ baskets), np.bincount(events.item, minlength=n_items)
    )


def _normalised(rows: sp.csr_matrix, columns: sp.csr_matrix, popularity: AnyArray) -> Pairs:
    """Pairs over the rows' and columns' common index, divided by the root of both items'
    popularity.
    """
    root = sp.diags(1.0 / np.sqrt(popularity + POPULARITY_PRIOR))
    left, right = (
        sp.csr_matrix(root @ rows.T, dtype=np.float32),
        sp.csr_matrix(columns @ root, dtype=np.float32),
    )
    left.eliminate_zeros()
    right.eliminate_zeros()
    return Pairs(left, right)


def neighbours(shares: Sequence[tuple[float, Pairs]], allowed: Bool) -> tuple[Keys, Float32]:
    """Best neighbours in a mixture of pairs by share, each first scaled to a mean row sum of 1.

    Only `allowed` items appear. Returns `[m, t] int32` padded with -1 and `[m, t] float32`.
    """
    scaled = [
        (pairs, np.float32(share / max(pairs.mean_row_sum(), 1e-12))) for share, pairs in shares
    ]
    parts = []
    for start, stop in _blocks([pairs for _, pairs in shares], len(allowed)):
        mixed = sp.csr_matrix((stop - start, len(allowed)), dtype=np.float32)
        for pairs, scale in scaled:
            mixed = mixed + pairs.rows(start, stop) * scale
        values = np.where(allowed[mixed.indices], mixed.data, np.float32(0))
        parts.append(top_ragged(mixed.indptr.astype(np.int64), mixed.indices, values, NEIGHBOURS))
    return np.concatenate([items for items, _ in parts]), np.concatenate(
        [scores for _, scores in parts]
    )


def _blocks(all_pairs: list[Pairs], n_items: int) -> Iterator[tuple[int, int]]:
    """Ranges of item keys whose rows take about as many multiplications each."""
    work = np.zeros(n_items)
    for pairs in all_pairs:
        filled = sp.csr_matrix(
            (np.ones_like(pairs.left.data), pairs.left.indices, pairs.left.indptr), pairs.left.shape
        )
        work += filled @ np.diff(pairs.right.indptr).astype(np.float64)
    block = (np.cumsum(work) // _BLOCK_PRODUCTS).astype(np.int64)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    yield from zip(starts, [*starts[1:], n_items], strict=True)
