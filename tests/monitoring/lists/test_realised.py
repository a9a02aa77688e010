"""How lists fared, counted by hand."""

from __future__ import annotations

import math

import numpy as np

from recsys_tasks.gate.evaluate import truth_between
from recsys_tasks.monitoring.lists.realised import realised
from recsys_tasks.snapshot.events import Events


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_realised_by_hand() -> None:
    ones = np.ones(3, np.float32)
    happened = Events(
        keys(4, 4, 9), keys(7, 8, 1), np.array([10, 99, 20]), np.zeros(3, np.int8), ones, ones, ones
    )
    lists, popular = np.array([[7, 5], [2, 3]], np.int32), np.array([[5, 7], [5, 7]], np.int32)
    found = realised(lists, popular, truth_between(happened, (0,), 0, 99, keys(4, 6)), of=4)
    # user 4 bought 7 (first place) in the window; 8 came too late; user 6 bought nothing; user 9
    # had no list
    assert found["ndcg@10"] == 1 and found["hr@10"] == 1
    assert found["popular/hr@10"] == 1 and found["popular/mrr@10"] == 0.5  # second place
    assert found["users"] == 1 and found["active_share"] == 0.25
    nothing = realised(lists, None, truth_between(happened, (0,), 200, 300, keys(4, 6)), of=4)
    assert math.isnan(nothing["hr@10"]) and nothing["users"] == 0 and "popular/hr@10" not in nothing
