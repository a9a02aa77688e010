"""Truth, discovery and slices by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recsys_tasks.errors import DataError
from recsys_tasks.release.evaluate import (
    Truth,
    activity_slices,
    attribute_slices,
    evaluate,
    item_sets,
    sets_without,
    shuffled_truth,
    truth_between,
    without,
)
from recsys_tasks.snapshot.dataset import Events

LOG3 = 1 / math.log2(3)
COUNTS = np.ones(10, np.int64)


def events(*rows: tuple[int, int, int, int]) -> Events:
    """Rows of user, item, ts, event code."""
    columns = np.array(sorted(rows), np.int64).reshape(-1, 4)
    ones = np.ones(len(columns), np.float32)
    user, item, ts, event = columns.T
    return Events(user.astype(np.int32), item.astype(np.int32), ts, event.astype(np.int8), ones, ones, ones)


def truth_of(rows: list[list[int]], users: list[int] | None = None) -> Truth:
    keys = np.array(users if users is not None else range(len(rows)), np.int32)
    pairs = [(r, i) for r, items in enumerate(rows) for i in items]
    return item_sets(keys, np.array([r for r, _ in pairs], np.int64), np.array([i for _, i in pairs], np.int32))


def as_lists(truth: Truth) -> list[list[int]]:
    return [truth.items[a:b].tolist() for a, b in zip(truth.offsets, truth.offsets[1:], strict=False)]


def test_truth_is_half_open_distinct_and_in_the_order_asked() -> None:
    happened = events((4, 7, 100, 0), (4, 7, 150, 0), (4, 2, 199, 0), (4, 9, 200, 0), (4, 8, 99, 0), (2, 5, 120, 1))
    found = truth_between(happened, [0], 100, 200, np.array([4, 3, 2], np.int32))
    assert as_lists(found) == [[2, 7], [], []]  # item 9 at the end, 8 before the start, 5 of another kind
    assert as_lists(truth_between(happened, None, 100, 200, np.array([2, 4], np.int32))) == [[5], [2, 7]]


def test_truth_of_nobody_and_of_nothing() -> None:
    assert as_lists(truth_between(events((1, 1, 5, 0)), [0], 0, 9, np.zeros(0, np.int32))) == []
    assert as_lists(truth_between(events(), [0], 0, 9, np.array([3, 1], np.int32))) == [[], []]


def test_shuffled_truth_moves_every_set_to_another_user() -> None:
    truth = truth_of([[1], [2, 3], [], [4]])
    mixed = as_lists(shuffled_truth(truth, seed=1))
    assert mixed[2] == [] and sorted(map(tuple, mixed)) == [(), (1,), (2, 3), (4,)]
    assert all(m != o for m, o in zip(mixed, as_lists(truth), strict=True) if o)


def test_without_moves_later_places_up() -> None:
    lists = np.array([[3, 1, 2], [5, 6, -1]], np.int32)
    assert without(lists, truth_of([[3], [6, 9]])).tolist() == [[1, 2, -1], [5, -1, -1]]
    assert as_lists(sets_without(truth_of([[1, 3], [6]]), truth_of([[3], [6]]))) == [[1], []]


def test_evaluation_by_hand() -> None:
    # user 0 (truth {3, 1}, knows 3): list 3 1 2 is perfect at k = 2. Discovery: list 1 2, truth {1}: perfect.
    # user 1 (truth {6}, knows 6): second place, 1/log2(3); discovery leaves no truth. User 2 did nothing.
    lists = np.array([[3, 1, 2], [5, 6, 7], [1, 2, 3]], np.int32)
    found = evaluate("r", lists, truth_of([[3, 1], [6], []]), counts=COUNTS, known=truth_of([[3], [6], []]), k=2)
    np.testing.assert_allclose(found.per_user["ndcg@2"], [1, LOG3, np.nan])
    np.testing.assert_allclose(found.per_user["discovery/ndcg@2"], [1, np.nan, np.nan])
    assert found.summary["ndcg@2"] == pytest.approx((1 + LOG3) / 2)
    assert found.summary["users"] == 2 and found.summary["discovery/ndcg@2"] == 1
    assert found.summary["coverage@2"] == 5 / 10  # items 1 2 3 5 6 among the first two places
    assert found.fault is None and "calibration_error" not in found.summary


def test_calibration_counts_users_who_did_nothing() -> None:
    # four places of score .5: with the idle user two of four come true, without two of two
    lists, scores = np.array([[1, 2], [3, 4]], np.int32), np.full((2, 2), 0.5, np.float32)
    found = evaluate("r", lists, truth_of([[1, 2], []]), counts=COUNTS, scores=scores)
    assert found.summary["calibration_error"] == pytest.approx(0)


@pytest.mark.parametrize("bad", [np.nan, 1.5, -0.1])
def test_broken_scores_are_a_fault_in_words(bad: float) -> None:
    scores = np.array([[bad, 0.2]], np.float32)
    found = evaluate("r", np.array([[1, 2]], np.int32), truth_of([[1]]), counts=COUNTS, scores=scores)
    assert found.fault is not None and "of 2" in found.fault
    padded = evaluate("r", np.array([[-1, 2]], np.int32), truth_of([[1]]), counts=COUNTS, scores=scores)
    assert padded.fault is None  # a pad's score is nobody's


def test_equal_first_places_have_equal_hashes() -> None:
    truth = truth_of([[1]])
    a, b, c = (
        evaluate("x", np.array([r], np.int32), truth, counts=COUNTS, k=2) for r in ([1, 2, 3], [1, 2, 4], [2, 1, 3])
    )
    assert a.lists_hash == b.lists_hash != c.lists_hash


def test_shapes_must_agree() -> None:
    with pytest.raises(DataError, match="one list for each user"):
        evaluate("r", np.array([[1]], np.int32), truth_of([[1], [2]]), counts=COUNTS)


def test_slices() -> None:
    bands = activity_slices(np.array([0, 1, 4, 5, 20], np.int64))
    assert {n: np.flatnonzero(m).tolist() for n, m in bands.items()} == {
        "activity=new": [0],
        "activity=1-4 events": [1, 2],
        "activity=5-19 events": [3],
        "activity=20+ events": [4],
        "known users": [1, 2, 3, 4],
    }
    countries = attribute_slices("country", np.array(["DE", None, "FR", "DE", float("nan")], dtype=object))
    assert {n: int(m.sum()) for n, m in countries.items()} == {"country=DE": 2, "country=FR": 1, "country=unknown": 2}


def test_slice_means_count_users_with_a_truth() -> None:
    lists = np.array([[1], [1], [1]], np.int32)
    found = evaluate("r", lists, truth_of([[1], [2], []]), counts=COUNTS, slices={"all": np.ones(3, bool)}, k=1)
    assert found.slice_means("ndcg@1") == {"all": (2, 0.5)}
