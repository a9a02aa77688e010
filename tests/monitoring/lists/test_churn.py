"""Churn between two nights, by hand."""

from __future__ import annotations

import numpy as np

from recsys_tasks.monitoring.lists.churn import churn


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_churn_by_hand() -> None:
    before = np.array([[1, 2, 3], [4, 5, -1], [6, 7, 8]], np.int32)
    now = np.array([[3, 2, 9], [4, 5, -1], [-1, -1, -1]], np.int32)
    # users 1 and 2 are in both: user 1 keeps 3 and 2 of three places, user 2 all
    np.testing.assert_allclose(churn(keys(1, 2, 3), before, keys(1, 2, 5), now, k=3), [1 / 3, 0])
    assert len(churn(keys(1), before[:1], keys(2), now[:1], k=3)) == 0
    assert churn(keys(1), before[:1], keys(1), now[2:], k=3).tolist() == [
        1.0
    ]  # a list that vanished
