from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.retrieval.tower import content_means as module
from recsys_tasks.retrieval.tower.content_means import content_means


def test_a_new_item_starts_among_the_items_most_like_it() -> None:
    values = np.array([[1, 0], [1, 0], [2, 0], [1, 2], [0, 0]], np.int32)
    vectors = np.array([[1, 0], [3, 0], [0, 4], [0, 0], [0, 0]], np.float32)
    known = np.array([True, True, True, False, False])
    found = content_means(values, vectors, known, np.flatnonzero(~known))
    # Value 1: 2 of m = 5 items, rarity log(6/2); value 2: rarity log(6/1). Item 3 is like items 0
    # and 1 by a/sqrt(a^2 + b^2) and like item 2 by b/sqrt(a^2 + b^2); each counts by its square.
    a, b = np.log(3.0) ** 2, np.log(6.0) ** 2
    np.testing.assert_allclose(
        found[0], [(1 * a + 3 * a) / (2 * a + b), 4 * b / (2 * a + b)], rtol=1e-5
    )
    assert found[1].tolist() == [0, 0]  # item 4 has no value


def test_an_item_of_common_values_starts_at_their_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMON", 1)
    values = np.array([[1, 0], [1, 2], [2, 0], [1, 2], [1, 0]], np.int32)
    vectors = np.array([[1, 0], [3, 0], [0, 4], [0, 0], [0, 0]], np.float32)
    known = np.array([True, True, True, False, False])
    # Values 1 and 2 have two items each, more than one: means (2, 0) and (1.5, 2), equally rare.
    found = content_means(values, vectors, known, np.flatnonzero(~known))
    np.testing.assert_allclose(found, [[1.75, 1.0], [2.0, 0.0]], rtol=1e-5)


def test_what_an_item_is_like_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    values = rng.integers(0, 30, (200, 3)).astype(np.int32)
    vectors = rng.normal(size=(200, 4)).astype(np.float32)
    known = rng.random(200) < 0.7
    whole = content_means(values, vectors, known, np.flatnonzero(~known))
    monkeypatch.setattr(module, "BLOCK", 7)
    np.testing.assert_array_equal(
        content_means(values, vectors, known, np.flatnonzero(~known)), whole
    )
    assert (whole != 0).any(axis=1).mean() > 0.9


def test_nobody_wanted_and_nothing_shared() -> None:
    values, vectors = np.array([[1], [2], [0]], np.int32), np.ones((3, 2), np.float32)
    known = np.array([True, False, False])
    assert not content_means(values, vectors, known, np.empty(0, np.int64)).any()
    assert not content_means(
        values, vectors, known, np.flatnonzero(~known)
    ).any()  # value 2 has no known item; item 2 has no value
