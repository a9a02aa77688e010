"""What a perfect order of kept items would reach, beside a count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.gate.evaluate import item_sets
from recsys_tasks.gate.headroom import STAGES, by_stage, perfect
from recsys_tasks.metrics import per_user

TRUTH = item_sets(
    np.arange(4, dtype=np.int32), np.array([0, 0, 0, 1, 3]), np.array([1, 2, 3, 4, 9], np.int32)
)
"""User 0 did 1, 2 and 3, user 1 did 4, user 2 nothing, user 3 did 9."""


def test_a_perfect_order_puts_what_was_kept_of_the_truth_first() -> None:
    kept = np.array([[7, 3, 1, -1], [4, 5, 6, 7], [1, 2, 3, 4], [1, 2, 3, -1]], np.int32)
    found = perfect(kept, TRUTH, 10)
    gain = 1 / np.log2(np.arange(3) + 2)
    assert found[0] == pytest.approx(gain[:2].sum() / gain.sum())  # two of three
    assert found[1] == 1.0
    assert np.isnan(found[2])  # nothing to find
    assert found[3] == 0.0


def test_no_order_of_what_was_kept_reaches_more_than_the_perfect_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        lists = np.array([rng.permutation(12)[:8] for _ in range(4)], np.int32)
        reached = per_user(lists, TRUTH.offsets, TRUTH.items, 3)["ndcg@3"]
        best = perfect(lists, TRUTH, 3)
        assert (reached[[0, 1, 3]] <= best[[0, 1, 3]] + 1e-12).all()


def test_bands_have_means_of_their_own_users() -> None:
    values = np.array([0.5, 1.0, np.nan, 0.0])
    stages = {stage: values for stage in STAGES}
    bands = {"few": np.array([True, False, True, False]), "none": np.zeros(4, bool)}
    found = by_stage(stages, bands)
    assert found[""]["lists"] == pytest.approx(0.5) and found[""]["users"] == 3
    assert found["few"]["union"] == 0.5 and found["few"]["users"] == 1
    assert "none" not in found  # nobody in it did anything
