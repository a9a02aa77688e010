"""Expected values are worked by hand; a slow loop over users is the oracle on random cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_tasks import metrics


def csr(truth: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, truth)]).astype(np.int64)
    return offsets, np.array([i for row in truth for i in row], np.int32)


# user 0 hits places 1 and 3 of 3 with |truth| 2; user 1 has a short list that hits place 2 with
# |truth| 4; user 2 hits nothing; user 3 has no truth.
LISTS = np.array([[5, 1, 7], [2, 3, -1], [1, 2, 3], [1, 2, 3]], np.int32)
TRUTH = csr([[5, 7], [3, 8, 9, 10], [0], []])
LOG3 = 1 / math.log2(3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # ideal of user 0: 1 + 1/log2(3); of user 1: min(3, 4) hits = 1 + 1/log2(3) + 1/2
        ("ndcg@3", [(1 + 0.5) / (1 + LOG3), LOG3 / (1 + LOG3 + 0.5), 0, np.nan]),
        ("hr@3", [1, 1, 0, np.nan]),
        ("precision@3", [2 / 3, 1 / 3, 0, np.nan]),
        ("recall@3", [2 / 2, 1 / 4, 0, np.nan]),
        # user 0: (1/1 + 2/3) / min(3, 2); user 1: (1/2) / min(3, 4)
        ("map@3", [(1 + 2 / 3) / 2, 0.5 / 3, 0, np.nan]),
        ("mrr@3", [1, 1 / 2, 0, np.nan]),
    ],
)
def test_per_user_metrics_by_hand(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(metrics.per_user(LISTS, *TRUTH, 3)[name], expected, rtol=1e-12)


def test_k_cuts_the_list_and_its_ideal() -> None:
    # at k = 1 user 0 hits the only place: a perfect list of one
    found = metrics.per_user(LISTS, *TRUTH, 1)
    np.testing.assert_allclose(found["ndcg@1"], [1, 0, 0, np.nan])
    np.testing.assert_allclose(found["recall@1"], [1 / 2, 0, 0, np.nan])


def test_lists_narrower_than_k_count_as_padded() -> None:
    wide = np.concatenate([LISTS, np.full((4, 2), -1, np.int32)], axis=1)
    for name, values in metrics.per_user(LISTS, *TRUTH, 5).items():
        np.testing.assert_array_equal(values, metrics.per_user(wide, *TRUTH, 5)[name])


def test_no_truth_at_all_and_no_users() -> None:
    empty = metrics.per_user(LISTS, *csr([[], [], [], []]), 3)
    assert all(np.isnan(values).all() for values in empty.values())
    none = metrics.per_user(LISTS[:0], *csr([]), 3)
    assert all(len(values) == 0 for values in none.values())


def test_all_lists_together_by_hand() -> None:
    # places: item 1 three times (users 0, 2, 3), item 2 three times, item 3 three times, 5 and 7 once: 11 places
    assert metrics.exposure(LISTS, 8).tolist() == [0, 3, 3, 3, 0, 1, 0, 1]
    assert metrics.coverage(LISTS, 8) == 5 / 8
    # 9 of 11 places need 3 items; 10 of 11 = 90.9 % needs 4
    curve = metrics.popularity_bias_curve(LISTS, 8)
    assert curve == {10: 1, 20: 1, 30: 2, 40: 2, 50: 2, 60: 3, 70: 3, 80: 3, 90: 4, 100: 5}
    counts = np.array([0, 9, 9, 0, 0, 0, 0, 0], np.int64)
    # the most counted eighth is item 1 alone (tie with 2 broken by key): 3 of 11 places
    assert metrics.popularity_share(LISTS, counts, head=1 / 8) == 3 / 11


def test_gini_ends() -> None:
    assert metrics.gini(np.array([[0], [1], [2], [3]], np.int32), 4) == 0
    # all places to one of four: (2·4 − 4 − 1)·s / (4·s) = 3/4
    assert metrics.gini(np.array([[2], [2]], np.int32), 4) == 0.75


def test_novelty_by_hand() -> None:
    # counts + 1 = 2, 1, 1 of 4: one bit for item 0, two for item 1
    lists = np.array([[0, 1], [0, -1]], np.int32)
    assert metrics.novelty(lists, np.array([1, 0, 0], np.int64)) == pytest.approx((1 + 2 + 1) / 3)


def test_intra_list_diversity_by_hand() -> None:
    # categories a a b: pairs (0,1) same, (0,2) and (1,2) differ; a single item has no pair
    lists = np.array([[0, 1, 2], [0, 2, -1], [1, -1, -1]], np.int32)
    np.testing.assert_allclose(metrics.intra_list_diversity(lists, np.array([0, 0, 1])), [2 / 3, 1, np.nan])


def test_calibration_error_by_hand() -> None:
    # two bins: scores .1 with 1 of 2 true (gap .4), scores .9 with 2 of 2 (gap .1): mean .25
    scores = np.array([0.1, 0.1, 0.9, 0.9])
    outcomes = np.array([True, False, True, True])
    assert metrics.calibration_error(scores, outcomes, bins=2) == pytest.approx(0.25)
    assert metrics.calibration_error(np.full(4, 0.5), np.array([1, 0, 1, 0], bool)) == 0
    assert math.isnan(metrics.calibration_error(np.array([]), np.array([], bool)))


def test_calibration_error_of_calibrated_rare_events_is_small() -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(0.5, 30, 50_000)
    outcomes = rng.random(50_000) < scores
    assert metrics.calibration_error(scores, outcomes) < 0.003
    assert metrics.calibration_error(np.minimum(scores * 3, 1), outcomes) > 0.02


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, list[list[int]], int]:
    """Lists with pads at the end, truths of any size (also none), and any k."""
    width, users = draw(st.integers(1, 6)), draw(st.integers(0, 6))
    row = st.lists(st.integers(0, 9), max_size=width, unique=True)
    lists = [r + [-1] * (width - len(r)) for r in (draw(row) for _ in range(users))]
    truth = [draw(st.lists(st.integers(0, 12), max_size=8, unique=True)) for _ in range(users)]
    return np.array(lists, np.int32).reshape(users, width), truth, draw(st.integers(1, 8))


def oracle(shown: list[int], wanted: set[int], k: int) -> dict[str, float]:
    if not wanted:
        return dict.fromkeys(metrics.PER_USER, math.nan)
    hits = [item in wanted and item >= 0 for item in shown[:k]]
    places = [rank for rank, hit in enumerate(hits, start=1) if hit]
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(wanted)) + 1))
    return {
        "ndcg": sum(1 / math.log2(rank + 1) for rank in places) / ideal,
        "hr": float(bool(places)),
        "precision": len(places) / k,
        "recall": len(places) / len(wanted),
        "map": sum((j + 1) / rank for j, rank in enumerate(places)) / min(k, len(wanted)),
        "mrr": 1 / places[0] if places else 0.0,
    }


@settings(max_examples=150, deadline=None)
@given(cases())
def test_agrees_with_a_loop_over_users(case: tuple[np.ndarray, list[list[int]], int]) -> None:
    lists, truth, k = case
    found = metrics.per_user(lists, *csr(truth), k)
    for u, wanted in enumerate(truth):
        for name, value in oracle(lists[u].tolist(), set(wanted), k).items():
            np.testing.assert_allclose(found[f"{name}@{k}"][u], value, atol=1e-9, rtol=0)
