"""Expected values are worked by hand; trec_eval and scikit-learn are the reference on random
cases.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score

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
    # places: item 1 three times (users 0, 2, 3), item 2 three times, item 3 three times, 5 and 7
    # once: 11 places
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
    np.testing.assert_allclose(
        metrics.intra_list_diversity(lists, np.array([0, 0, 1])), [2 / 3, 1, np.nan]
    )


def test_serendipity_by_hand() -> None:
    # Four items, most counted first: 2 0 1 3 (tie of 1 and 3 by key). Item 3 is hit at place 0: 3/4
    # of the catalogue stands before it in popularity, nothing in the list. Item 2, the best seller,
    # is hit at place 1: no surprise.
    lists, counts = np.array([[3, 2], [2, 0], [1, -1]], np.int32), np.array([5, 1, 9, 1], np.int64)
    hits = np.array([[True, True], [False, False], [True, False]])
    # user 2: item 1 is third in popularity (2/4 before it), first in the list: 2/4 over two places
    np.testing.assert_allclose(metrics.serendipity(lists, hits, counts), [0.75 / 2, 0, 0.5 / 2])


def test_coverage_of_users_and_categories_by_hand() -> None:
    lists = np.array([[0, 1], [0, -1]], np.int32)
    assert metrics.user_coverage(lists) == 0.5
    # categories a, b, c (and item 3 has none): a and b are shown
    assert metrics.category_coverage(lists, np.array([0, 1, 2, -1])) == pytest.approx(2 / 3)
    assert math.isnan(metrics.category_coverage(lists, np.array([-1, -1, -1, -1])))


def test_item_fairness_by_hand() -> None:
    # counts 6 2 2 2: half of all 12 is reached by item 0 alone, the other band is items 1 to 3
    counts = np.array([6, 2, 2, 2], np.int64)
    assert metrics.popularity_bands(counts, 2).tolist() == [0, 1, 1, 1]
    lists, hits = np.array([[0, 1], [0, 2]], np.int32), np.array([[True, False], [False, True]])
    # shown: item 0 to 2 of 2 users (chance 1), the others 2 times of 2 x 3 (1/3): mean 2/3,
    # deviation 1/3, spread 1/2 wanted: items 0, 2, 3; found: 1 of 1 and 1 of 2: mean 3/4, deviation
    # 1/4, spread 1/3
    found = metrics.item_fairness(lists, hits, np.array([0, 2, 3], np.int32), counts, bands=2)
    assert found["statistical_parity"] == pytest.approx(1 / 2)
    assert found["popularity_opportunity"] == pytest.approx(1 / 3)
    everyone = np.array([[0, 1, 2, 3]] * 2, np.int32)  # all shown to all: no spread
    assert (
        metrics.item_fairness(everyone, everyone >= 9, np.array([0], np.int32), counts, 2)[
            "statistical_parity"
        ]
        == 0
    )


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


# --- against reference libraries -----------------------------------------------------------------


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, list[list[int]], int]:
    """Lists with pads at the end, truths of any size (also none), and any k."""
    width, users = draw(st.integers(1, 6)), draw(st.integers(0, 6))
    row = st.lists(st.integers(0, 9), max_size=width, unique=True)
    lists = [r + [-1] * (width - len(r)) for r in (draw(row) for _ in range(users))]
    truth = [draw(st.lists(st.integers(0, 12), max_size=8, unique=True)) for _ in range(users)]
    return np.array(lists, np.int32).reshape(users, width), truth, draw(st.integers(1, 8))


def trec_eval(shown: list[int], wanted: list[int], k: int) -> dict[str, float]:
    """One user's metrics by trec_eval, whose cut average precision divides by |truth| instead of
    min(k, |truth|).
    """
    run = {
        str(item): float(len(shown) - place)
        for place, item in enumerate(shown)
        if item >= 0 and place < k
    }
    names = {f"ndcg_cut.{k}", f"success.{k}", f"P.{k}", f"recall.{k}", f"map_cut.{k}", "recip_rank"}
    judge = pytrec_eval.RelevanceEvaluator({"u": {str(item): 1 for item in wanted}}, names)
    # A user without a list is one who was shown nothing that anybody wants.
    found = judge.evaluate({"u": run or {"nothing": 0.0}})["u"]
    return {
        "ndcg": found[f"ndcg_cut_{k}"],
        "hr": found[f"success_{k}"],
        "precision": found[f"P_{k}"],
        "recall": found[f"recall_{k}"],
        "map": found[f"map_cut_{k}"] * len(wanted) / min(k, len(wanted)),
        "mrr": found["recip_rank"],
    }


@settings(max_examples=150, deadline=None)
@given(cases())
def test_ranking_metrics_equal_trec_eval(case: tuple[np.ndarray, list[list[int]], int]) -> None:
    lists, truth, k = case
    found = metrics.per_user(lists, *csr(truth), k)
    for u, wanted in enumerate(truth):
        expected = (
            trec_eval(lists[u].tolist(), wanted, k)
            if wanted
            else dict.fromkeys(metrics.PER_USER, math.nan)
        )
        for name, value in expected.items():
            np.testing.assert_allclose(found[f"{name}@{k}"][u], value, atol=1e-9, rtol=0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
def test_score_metrics_equal_scikit_learn_with_ties(rows: list[tuple[int, bool]]) -> None:
    scores, outcomes = np.array([s / 6 for s, _ in rows]), np.array([o for _, o in rows])
    if outcomes.any():
        expected = average_precision_score(outcomes, scores)
        assert metrics.pr_auc(scores, outcomes) == pytest.approx(expected, abs=1e-9)
    else:
        assert math.isnan(metrics.pr_auc(scores, outcomes))
    if 0 < outcomes.sum() < len(outcomes):
        assert metrics.roc_auc(scores, outcomes) == pytest.approx(
            roc_auc_score(outcomes, scores), abs=1e-9
        )
    else:
        assert math.isnan(metrics.roc_auc(scores, outcomes))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.booleans()),
        min_size=30,
        max_size=80,
        unique_by=lambda r: r[0],
    )
)
def test_the_reliability_curve_equals_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    # Distinct scores, as many as fill the bins alike: scikit-learn's quantile bins are the same
    # sets then.
    scores, outcomes = np.array([s / 30 for s, _ in rows]), np.array([o for _, o in rows])
    found = metrics.reliability(scores, outcomes, bins=5)
    came, said = calibration_curve(outcomes, scores, n_bins=5, strategy="quantile")
    np.testing.assert_allclose([row[0] for row in found], said, atol=1e-9)
    np.testing.assert_allclose([row[1] for row in found], came, atol=1e-9)
    gap = sum(abs(s - c) * n for s, c, n in found) / len(rows)
    assert metrics.calibration_error(scores, outcomes, bins=5) == pytest.approx(gap, abs=1e-9)
