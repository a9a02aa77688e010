"""The candidates of a block of users, what is computed once of them, and their rows in a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int32, Int64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.ranking.columns.standing import dots, standing
from recsys_tasks.ranking.inputs import Candidates, RankingInputs

ABSENT_RANK = 1000
"""Rank given to an item that a generator did not name."""


@dataclass(frozen=True)
class Block:
    """Candidates of some users with what is computed once for all their matrices."""

    inputs: RankingInputs
    candidates: Candidates

    @cached_property
    def there(self) -> Bool:
        """`[n, c]`: false on pads."""
        return np.asarray(self.candidates.items >= 0)

    @cached_property
    def history(self) -> Int32:
        """`[n, L]`: each user's newest items first, -1 pads."""
        return self.inputs.retriever.newest_items(self.candidates.users)

    @cached_property
    def tower_standing(self) -> tuple[Float32, Float32]:
        """`[n, c]` each: rank of the candidate by the dot product of user and item vector, and the
        product standardised within the user's candidates; NaN where either has no vector.
        """
        inputs, users, items = self.inputs, self.candidates.users, self.candidates.items
        vectors, known = inputs.user_vectors(users)
        products, ranks, standard = (np.empty(items.shape, np.float32) for _ in range(3))
        dots(vectors, known, items, inputs.item_row, inputs.embeddings.item_vectors, products)
        standing(products, ABSENT_RANK, ranks, standard)
        return ranks, standard


@dataclass(frozen=True)
class CandidateRows:
    """The candidates of a block that become rows of a matrix, user by user."""

    block: Block
    user_row: Keys
    """`[rows]`: row of each one's user in the block."""
    column: Keys
    """`[rows]`: column of each one among its user's candidates."""
    items: Keys
    """`[rows]`: item keys."""
    number: Int32
    """`[rows]`: number of each candidate among all of the block, pads not counted."""
    bounds: Int64
    """`[n + 1]`: user u's rows are [bounds[u], bounds[u + 1])."""

    @classmethod
    def of(cls, block: Block, keep: Bool) -> Self:
        """The candidates where `keep [n, c]` is true; pads never."""
        n, c = keep.shape
        # One more than there can be: `number_kept` writes past the last kept one.
        row, column, items, number = (np.empty(n * c + 1, np.int32) for _ in range(4))
        bounds: Int64 = np.empty(n + 1, np.int64)
        count = _number_kept(block.candidates.items, keep, (row, column, items, number), bounds)
        return cls(block, row[:count], column[:count], items[:count], number[:count], bounds)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def users(self) -> Keys:
        """`[rows]`: user keys."""
        return self.block.candidates.users[self.user_row]


@kernel
def _number_kept(
    items: Keys, keep: Bool, out: tuple[Int32, Int32, Int32, Int32], bounds: Int64
) -> int:
    """Fill `CandidateRows` from `items [n, c]`; returns how many rows there are.

    `out`: user_row, column, items and number, each one row longer than needed: every candidate is
    written to the next free row, and only a kept one takes it. So the loop has no branch, which the
    processor could not predict.
    """
    row, column, keys, number = out
    count, seen = 0, 0
    for u in range(len(items)):
        bounds[u] = count
        for c in range(items.shape[1]):
            there = items[u, c] >= 0
            row[count], column[count], keys[count], number[count] = u, c, items[u, c], seen
            count += 1 if there and keep[u, c] else 0
            seen += 1 if there else 0
    bounds[len(items)] = count
    return count
