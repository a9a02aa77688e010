"""Figures of one publication, by hand."""

from __future__ import annotations

import numpy as np

from recsys_tasks.monitoring.lists.health import list_health


def test_list_health_by_hand() -> None:
    lists = np.array([[0, 1], [0, 1], [2, -1]], np.int32)
    counts, on_offer = (
        np.array([9, 0, 0, 0, 0], np.int64),
        np.array([True, True, True, True, False]),
    )
    found = list_health(lists, np.array([0, 0, 4], np.int8), counts, on_offer, k=2)
    assert found["coverage@2"] == 3 / 5 and found["coverage_on_offer@2"] == 3 / 4
    assert found["popularity_share@2"] == 2 / 5 and found["users"] == 3
    assert found["identical_share"] == 2 / 3 and found["short_share"] == 1 / 3
    assert found["rung_share/heavy"] == 2 / 3 and found["rung_share/popularity"] == 1 / 3
