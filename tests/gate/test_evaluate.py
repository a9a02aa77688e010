"""Truth, discovery and slices by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsys_tasks.config import Attribute
from recsys_tasks.errors import DataError
from recsys_tasks.gate.evaluate import (
    Catalogue,
    Scored,
    Truth,
    evaluate,
    item_sets,
    sets_without,
    truth_between,
    without,
)
from recsys_tasks.gate.slices import activity_slices, attribute_slices
from recsys_tasks.metrics import PER_USER
from recsys_tasks.snapshot.events import Events

LOG3 = 1 / math.log2(3)
CATALOGUE = Catalogue(np.ones(10, np.int64))


def events(*rows: tuple[int, int, int, int]) -> Events:
    """Rows of user, item, ts, event code."""
    columns = np.array(sorted(rows), np.int64).reshape(-1, 4)
    ones = np.ones(len(columns), np.float32)
    user, item, ts, event = columns.T
    return Events(
        user.astype(np.int32), item.astype(np.int32), ts, event.astype(np.int8), ones, ones, ones
    )


def truth_of(rows: list[list[int]], users: list[int] | None = None) -> Truth:
    keys = np.array(users if users is not None else range(len(rows)), np.int32)
    pairs = [(r, i) for r, items in enumerate(rows) for i in items]
    return item_sets(
        keys, np.array([r for r, _ in pairs], np.int64), np.array([i for _, i in pairs], np.int32)
    )


def as_lists(truth: Truth) -> list[list[int]]:
    return [
        truth.items[a:b].tolist() for a, b in zip(truth.offsets, truth.offsets[1:], strict=False)
    ]


def test_truth_is_half_open_distinct_and_in_the_order_asked() -> None:
    happened = events(
        (4, 7, 100, 0),
        (4, 7, 150, 0),
        (4, 2, 199, 0),
        (4, 9, 200, 0),
        (4, 8, 99, 0),
        (2, 5, 120, 1),
    )
    found = truth_between(happened, [0], 100, 200, np.array([4, 3, 2], np.int32))
    assert as_lists(found) == [
        [2, 7],
        [],
        [],
    ]  # item 9 at the end, 8 before the start, 5 of another kind
    assert as_lists(truth_between(happened, None, 100, 200, np.array([2, 4], np.int32))) == [
        [5],
        [2, 7],
    ]


def test_truth_of_nobody_and_of_nothing() -> None:
    assert as_lists(truth_between(events((1, 1, 5, 0)), [0], 0, 9, np.zeros(0, np.int32))) == []
    assert as_lists(truth_between(events(), [0], 0, 9, np.array([3, 1], np.int32))) == [[], []]


def test_without_moves_later_places_up() -> None:
    lists = np.array([[3, 1, 2], [5, 6, -1]], np.int32)
    assert without(lists, truth_of([[3], [6, 9]])).tolist() == [[1, 2, -1], [5, -1, -1]]
    assert as_lists(sets_without(truth_of([[1, 3], [6]]), truth_of([[3], [6]]))) == [[1], []]


def test_evaluation_by_hand() -> None:
    # user 0 (truth {3, 1}, knows 3): list 3 1 2 is perfect at k = 2. Discovery: list 1 2, truth
    # {1}: perfect. user 1 (truth {6}, knows 6): second place, 1/log2(3); discovery leaves no truth.
    # User 2 did nothing.
    lists = np.array([[3, 1, 2], [5, 6, 7], [1, 2, 3]], np.int32)
    found = evaluate(
        "r",
        lists,
        truth_of([[3, 1], [6], []]),
        catalogue=CATALOGUE,
        known=truth_of([[3], [6], []]),
        k=2,
    )
    np.testing.assert_allclose(found.per_user["ndcg@2"], [1, LOG3, np.nan])
    np.testing.assert_allclose(found.per_user["discovery/ndcg@2"], [1, np.nan, np.nan])
    assert found.summary["ndcg@2"] == pytest.approx((1 + LOG3) / 2)
    assert found.summary["users"] == 2 and found.summary["discovery/ndcg@2"] == 1
    assert found.summary["coverage@2"] == 5 / 10  # items 1 2 3 5 6 among the first two places
    assert found.fault is None and "calibration_error" not in found.summary


def test_calibration_counts_users_who_did_nothing() -> None:
    # four places of score .5: with the idle user two of four come true, without two of two
    lists, scores = np.array([[1, 2], [3, 4]], np.int32), np.full((2, 2), 0.5, np.float32)
    found = evaluate("r", lists, truth_of([[1, 2], []]), catalogue=CATALOGUE, scored=Scored(scores))
    assert found.summary["calibration_error"] == pytest.approx(0)


def test_scores_of_some_users_against_outcomes_of_their_own() -> None:
    # user 1's scores do not count; user 0's two places of .5 came true by .5 each (one of two
    # objectives): no error
    lists, scores = np.array([[1, 2], [3, 4]], np.int32), np.array([[0.5, 0.5], [1, 1]], np.float32)
    scored = Scored(scores, np.array([[0.5, 0.5], [0.0, 0.0]]), np.array([True, False]))
    found = evaluate("r", lists, truth_of([[1, 2], [9]]), catalogue=CATALOGUE, scored=scored)
    assert found.summary["calibration_error"] == pytest.approx(0) and math.isnan(
        found.summary["roc_auc"]
    )
    assert found.reliability == [(0.5, 0.5, 2)]


def test_what_is_measured_of_all_lists() -> None:
    categories = np.array([0, 0, 1, 1, 2, 2, 2, 2, 2, -1])
    lists = np.array([[0, 2], [0, 1], [4, -1]], np.int32)
    catalogue = Catalogue(np.arange(10, 0, -1), categories)
    found = evaluate("r", lists, truth_of([[2], [], [4]]), catalogue=catalogue, k=2)
    assert found.summary["category_coverage@2"] == 1 and found.summary[
        "user_coverage@2"
    ] == pytest.approx(2 / 3)
    assert (
        found.summary["diversity@2"] == 0.5
    )  # lists 0 (two categories) and 1 (one); the third has no pair
    # ten items in popularity's order: item 2 at place 1 stands 1/10 above its rank over two places;
    # item 4, 4/10
    assert found.summary["serendipity@2"] == pytest.approx((0.1 / 2 + 0.4 / 2) / 2)
    assert found.bias_curve[100] == 4 and found.bias_curve[40] == 1  # item 0 has two of five places


@pytest.mark.parametrize("bad", [np.nan, 1.5, -0.1])
def test_broken_scores_are_a_fault_in_words(bad: float) -> None:
    scores = np.array([[bad, 0.2]], np.float32)
    found = evaluate(
        "r",
        np.array([[1, 2]], np.int32),
        truth_of([[1]]),
        catalogue=CATALOGUE,
        scored=Scored(scores),
    )
    assert found.fault is not None and "of 2" in found.fault
    padded = evaluate(
        "r",
        np.array([[-1, 2]], np.int32),
        truth_of([[1]]),
        catalogue=CATALOGUE,
        scored=Scored(scores),
    )
    assert padded.fault is None  # a pad's score is nobody's


def test_equal_first_places_have_equal_hashes() -> None:
    truth = truth_of([[1]])
    a, b, c = (
        evaluate("x", np.array([r], np.int32), truth, catalogue=CATALOGUE, k=2)
        for r in ([1, 2, 3], [1, 2, 4], [2, 1, 3])
    )
    assert a.lists_hash == b.lists_hash != c.lists_hash


def test_shapes_must_agree() -> None:
    with pytest.raises(DataError, match="one list for each user"):
        evaluate("r", np.array([[1]], np.int32), truth_of([[1], [2]]), catalogue=CATALOGUE)


def test_slices() -> None:
    bands = activity_slices(np.array([0, 1, 4, 5, 20], np.int64))
    assert {n: np.flatnonzero(m).tolist() for n, m in bands.items()} == {
        "activity=new": [0],
        "activity=1-4 events": [1, 2],
        "activity=5-19 events": [3],
        "activity=20+ events": [4],
        "known users": [1, 2, 3, 4],
    }


def sliced(kind: Any, *values: object) -> dict[str, list[int]]:
    found = attribute_slices(
        Attribute(name="a", kind=kind), np.array([*values, None], dtype=object)[:-1]
    )
    return {name: np.flatnonzero(mask).tolist() for name, mask in found.items()}


def test_every_kind_of_declared_attribute_makes_slices() -> None:
    assert sliced("categorical", "DE", None, "FR", "DE", float("nan")) == {
        "a=DE": [0, 3],
        "a=FR": [2],
        "a=unknown": [1, 4],
    }
    assert sliced("multi", "x|y", "y", None, "") == {"a=x": [0], "a=y": [0, 1], "a=unknown": [2, 3]}
    # quarters of 1 2 3 4, closed above; the missing one is apart
    assert sliced("numeric", 1.0, 2.0, 3.0, 4.0, float("nan")) == {
        "a 1 to 1": [0],
        "a 1 to 2": [1],
        "a 2 to 3": [2],
        "a 3 to 4": [3],
        "a=unknown": [4],
    }
    assert sliced("numeric", 5.0, 5.0) == {"a 5 to 5": [0, 1]}
    assert sliced("text", "some words", "  ") == {"a=given": [0], "a=unknown": [1]}


def test_slice_means_count_users_with_a_truth() -> None:
    lists = np.array([[1], [1], [1]], np.int32)
    found = evaluate(
        "r",
        lists,
        truth_of([[1], [2], []]),
        catalogue=CATALOGUE,
        k=1,
    )
    found = replace(found, slices={"all": np.ones(3, bool)})
    assert found.slice_means("ndcg@1") == {"all": (2, 0.5)}


def test_no_measure_is_always_the_same() -> None:
    """Lists that know the future, chance, and best sellers for all: each measure tells some of them
    apart.
    """
    rng, users, items = np.random.default_rng(11), 80, 50
    truth = truth_of([sorted(rng.choice(items, 4, replace=False).tolist()) for _ in range(users)])
    known = truth_of([sorted(rng.choice(items, 3, replace=False).tolist()) for _ in range(users)])
    chance = np.stack([rng.permutation(items)[:10] for _ in range(users)]).astype(np.int32)
    knows = np.full((users, 10), -1, np.int32)
    knows[:, :4] = truth.items.reshape(users, 4)  # and nothing else
    same = np.tile(np.arange(10, dtype=np.int32), (users, 1))
    catalogue = Catalogue(np.arange(items, 0, -1), np.arange(items) % 17)
    found = {}
    for name, lists in {"knows": knows, "chance": chance, "same": same}.items():
        scored = Scored(rng.random(lists.shape).astype(np.float32))
        found[name] = evaluate(name, lists, truth, catalogue=catalogue, known=known, scored=scored)
    names = set(found["chance"].summary) - {"users"}
    assert names == set(found["knows"].summary) - {"users"} and len(names) > 20
    values = {name: [found[system].summary[name] for system in found] for name in sorted(names)}
    assert {
        name for name, three in values.items() if len({round(value, 6) for value in three}) == 1
    } == set()
    # A measure of each user's list takes its lowest and its highest value, and is neither for all.
    for name in PER_USER:
        best, usual = found["knows"].per_user[f"{name}@10"], found["chance"].per_user[f"{name}@10"]
        assert usual.min() == 0.0 and 0.0 < usual.mean() < 1.0
        assert best.max() == pytest.approx(
            0.4 if name == "precision" else 1.0
        )  # four of ten places
