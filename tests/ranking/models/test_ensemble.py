"""Several models as one."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pytest

from recsys_tasks.ranking.models.compile import compiled
from recsys_tasks.ranking.models.ensemble import averaged

Matrix = npt.NDArray[np.float64]


@pytest.fixture
def world() -> tuple[Matrix, list[lgb.Booster]]:
    """Rows and three models of their labels, which draw their thresholds; the last has fewer
    trees.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    y = (X[:, 0] + rng.normal(size=2000) > 0).astype(int)
    settings = {"objective": "lambdarank", "num_leaves": 7, "extra_trees": True, "verbose": -1}
    made = [
        lgb.train({**settings, "extra_seed": seed}, lgb.Dataset(X, y, group=[20] * 100), trees)
        for seed, trees in ((1, 10), (2, 10), (3, 8))
    ]
    return X, made


def test_scores_are_the_mean_of_the_members(world: tuple[Matrix, list[lgb.Booster]]) -> None:
    X, models = world
    each = np.array([model.predict(X, raw_score=True) for model in models])
    assert np.abs(each[0] - each[1]).max() > 0.1  # else a mean would say nothing
    joined = averaged(models)
    np.testing.assert_allclose(
        joined.predict(X, raw_score=True), each.mean(axis=0), rtol=0, atol=1e-12
    )
    assert joined.num_trees() == 28


def test_a_part_of_the_whole_is_the_mean_of_their_parts(
    world: tuple[Matrix, list[lgb.Booster]],
) -> None:
    X, models = world
    each = np.array([model.predict(X, raw_score=True, num_iteration=4) for model in models])
    some = averaged(models).predict(X, raw_score=True, num_iteration=12)
    np.testing.assert_allclose(some, each.mean(axis=0), rtol=0, atol=1e-12)


def test_a_saved_whole_is_the_same_and_compiles(world: tuple[Matrix, list[lgb.Booster]]) -> None:
    X, models = world
    joined = averaged(models)
    again = lgb.Booster(model_str=joined.model_to_string())
    raw = joined.predict(X, raw_score=True)
    np.testing.assert_array_equal(again.predict(X, raw_score=True), raw)
    arrays = compiled(joined)
    assert arrays is not None
    np.testing.assert_allclose(
        arrays.predict(X.astype(np.float32)),
        joined.predict(X.astype(np.float32), raw_score=True),
        rtol=0,
        atol=1e-12,
    )
    contributions = joined.predict(
        X, pred_contrib=True
    )  # of each column, and what is expected before any is known
    np.testing.assert_allclose(contributions.sum(axis=1), raw, rtol=0, atol=1e-9)


def test_columns_keep_the_gain_of_every_member(world: tuple[Matrix, list[lgb.Booster]]) -> None:
    _, models = world
    gains = sum(model.feature_importance("gain") for model in models)
    np.testing.assert_allclose(averaged(models).feature_importance("gain"), gains, rtol=1e-6)


def test_one_model_is_itself(world: tuple[Matrix, list[lgb.Booster]]) -> None:
    _, models = world
    assert averaged(models[:1]) is models[0]
