from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.retrieval.candidates.content_kernels import (
    Csr,
    FreshScratch,
    NewItems,
    fresh_items,
)
from recsys_tasks.retrieval.candidates.kernels import Taste
from recsys_tasks.retrieval.select import sorted_rows, unpack_rows

LIMIT = 2


@pytest.mark.parametrize(
    ("forbidden", "width", "items", "scores"),
    [
        # The user's item 0 has word 0, as item 4 has: 1 + .1. The others have their newness alone:
        # .4, .3, .2. Item 3 comes behind two that are better, so it cannot be among the best two:
        # three of the four are sorted.
        (-1, 3, [4, 1], [1.1, 0.4]),
        # Without item 1 the first two are items 2 and 3: all three are sorted.
        (1, 3, [4, 2], [1.1, 0.3]),
        # Without item 4 only the first two are left.
        (4, 2, [1, 2], [0.4, 0.3]),
    ],
)
def test_fresh_items_that_cannot_be_among_the_best_are_left_out(
    forbidden: int, width: int, items: list[int], scores: list[float]
) -> None:
    own = np.array([0, forbidden], np.int32)[: 1 if forbidden < 0 else 2]
    keep_out = np.array([False, True])[: len(own)]
    ones, words = np.ones(5, np.float32), np.array([0, 1, 1, 1, 0], np.int32)
    starts = np.arange(6, dtype=np.int32)
    taste = Taste(np.array([0, len(own)]), own, keep_out, np.zeros(2, np.int32), ones, 1)
    alike = np.empty(4, np.float32)
    cells = np.full((1, 4), 7, np.uint64)
    scratch = FreshScratch(
        np.zeros(2, np.float32), np.full(5, -1, np.int32), alike, alike.view(np.uint32)
    )
    new = NewItems(
        np.arange(1, 5, dtype=np.int32),
        np.array([0.4, 0.3, 0.2, 0.1], np.float32),
        Csr(ones[1:], words[1:], starts[:5]),
    )
    content = Csr(ones, words, starts)
    assert fresh_items(taste, new, content, scratch, LIMIT, cells) == width
    found, near = np.full((1, LIMIT), -1, np.int32), np.zeros((1, LIMIT), np.float32)
    unpack_rows(sorted_rows(cells[:, :width], LIMIT), found, near.view(np.uint32))
    assert found.tolist() == [items]
    np.testing.assert_allclose(near, [scores], rtol=1e-6)
