"""Canaries by hand, and single columns against scikit-learn."""

from __future__ import annotations

import math
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from recsys_tasks.gate.canaries import (
    against_others,
    column_aucs,
    future_first,
    overlap,
    shuffled_truth,
)
from recsys_tasks.gate.cost import nodes_a_user, tree_nodes
from recsys_tasks.gate.evaluate import Catalogue
from recsys_tasks.lake import Lake
from tests.gate.test_evaluate import as_lists, truth_of


def test_shuffled_truth_moves_every_set_to_another_user() -> None:
    truth = truth_of([[1], [2, 3], [], [4]])
    mixed = as_lists(shuffled_truth(truth, seed=1))
    assert mixed[2] == [] and sorted(map(tuple, mixed)) == [(), (1,), (2, 3), (4,)]
    assert all(m != o for m, o in zip(mixed, as_lists(truth), strict=True) if o)


def test_lists_are_held_against_every_other_users_truth() -> None:
    # Two users with a truth: each is compared the other's, in every deal. A list that hits first
    # reaches 1.
    truth, lists = truth_of([[1], [], [2]]), np.array([[1, 2], [1, 2], [2, 3]], np.int32)
    compared = against_others(lists, truth, Catalogue(np.ones(4, np.int64)), seed=1, k=2)
    np.testing.assert_allclose(compared.own.per_user["ndcg@2"], [1, np.nan, 1])
    np.testing.assert_allclose(compared.others.per_user["ndcg@2"], [1 / np.log2(3), np.nan, 0])


def test_what_either_user_has_had_tells_nobody_apart() -> None:
    """Where nothing is shown twice, a list owes to its user that it leaves out what the user has
    had: that is no taste.

    Both like 1, then 2. The first has had 1 and goes on to 2 and 3, the second has had nothing and
    takes 1 and 2. Of what both have yet to see the first's list is [2, 3]: right for [2, 3], and
    half for the other's [2] with 2 first.
    """
    truth, had = truth_of([[2, 3], [1, 2]]), truth_of([[1], []])
    lists = np.array([[2, 3, 4], [1, 2, 3]], np.int32)
    compared = against_others(
        lists, truth, Catalogue(np.ones(5, np.int64)), seed=1, k=2, forbidden=had
    )
    # The second's list without 1 is [2, 3]: right for its own [2], and for the first's [2, 3].
    np.testing.assert_allclose(compared.own.per_user["ndcg@2"], [1, 1])
    np.testing.assert_allclose(compared.others.per_user["ndcg@2"], [1, 1])
    plain = against_others(lists, truth, Catalogue(np.ones(5, np.int64)), seed=1, k=2)
    assert (
        plain.own.per_user["ndcg@2"] > plain.others.per_user["ndcg@2"]
    ).all()  # what would pass for taste


def test_the_future_comes_first_and_the_rest_keeps_its_order() -> None:
    lists = np.array([[5, 1, 7, 3], [2, 4, -1, -1]], np.int32)
    assert future_first(lists, truth_of([[7, 3], [9]])).tolist() == [[7, 3, 5, 1], [2, 4, -1, -1]]


def test_overlap_counts_places_and_no_pads() -> None:
    assert overlap(
        np.array([[1, 2], [3, -1]], np.int32), np.array([[2, 9], [-1, 4]], np.int32)
    ) == pytest.approx(1 / 3)
    assert math.isnan(overlap(np.array([[-1]], np.int32), np.array([[-1]], np.int32)))


def test_columns_by_hand() -> None:
    # user 0: true row 0, false rows 1 2; user 1: true row 3, false row 4; user 2 has no true row,
    # so no pair.
    labels, group = np.array([True, False, False, True, False, False]), np.array([0, 0, 0, 1, 1, 2])
    knows = [
        9,
        1,
        1,
        2,
        1,
        50,
    ]  # right in all three pairs, although its level differs from user to user
    turned = [-v for v in knows]
    half = [5, 7, 5, 1, 0, 0]  # pairs: 5<7 wrong, 5=5 half, 1>0 right: 1.5 of 3
    absent = [
        3,
        np.nan,
        np.nan,
        np.nan,
        np.nan,
        np.nan,
    ]  # a missing value is lowest: right, right, half
    X = np.array([knows, turned, half, absent], np.float32).T
    found = column_aucs(X, ["knows", "turned", "half", "absent"], labels, group)
    assert found == pytest.approx({"knows": 1, "turned": 1, "half": 0.5, "absent": 2.5 / 3})
    assert math.isnan(column_aucs(X, ["a", "b", "c", "d"], np.zeros(6, bool), group)["a"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_one_user_is_scikit_learns_auc(rows: list[tuple[int, bool]]) -> None:
    values, labels = np.array([[v] for v, _ in rows], np.float32), np.array([t for _, t in rows])
    (found,) = column_aucs(values, ["x"], labels, np.zeros(len(rows), np.int64)).values()
    if 0 < labels.sum() < len(labels):
        auc = roc_auc_score(labels, values[:, 0])
        assert found == pytest.approx(max(auc, 1 - auc), abs=1e-9)
    else:
        assert math.isnan(found)


def test_cost_counts_the_nodes_of_both_stages(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((400, 3)), rng.random(400)
    settings_ = {"num_leaves": 4, "verbose": -1, "min_data_in_leaf": 5}
    light, heavy = (
        lgb.train(settings_, lgb.Dataset(X, y), num_boost_round=rounds) for rounds in (2, 5)
    )
    with Lake(tmp_path).writing("release", "r1") as draft:
        (draft.path / "light.buy.txt").write_text(light.model_to_string())
        (draft.path / "heavy.buy.txt").write_text(heavy.model_to_string())
        (draft.path / "release.json").write_text("{}")
    assert draft.artifact is not None
    # trees of 4 leaves have 3 inner nodes
    assert tree_nodes(draft.artifact) == {"light": 6, "heavy": 15}
    assert nodes_a_user(draft.artifact, candidates=300, survivors=100) == 6 * 300 + 15 * 100
