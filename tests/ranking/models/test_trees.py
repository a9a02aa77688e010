"""Compiled trees give LightGBM's own scores, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from recsys_tasks.ranking.models.compile import Plain, compiled, predictor
from recsys_tasks.ranking.models.trees import BLOCK_ROWS, Compiled

ROWS, COLUMNS = 3000, 9


def trained(seed: int = 0, unknown: float = 0.1, **settings: Any) -> lgb.Booster:
    """A model of rounded numbers (many ties with thresholds), one column without unknowns, one
    constant.
    """
    rng = np.random.default_rng(seed)
    X = rows(rng, ROWS, unknown)
    X[:, 0] = np.nan_to_num(X[:, 0])
    X[:, 1] = 1.0
    label = np.nansum(X[:, :5], axis=1) + rng.normal(size=ROWS) > 0.5
    group = {"group": [100] * (ROWS // 100)} if settings.get("objective") == "lambdarank" else {}
    chosen = {
        "objective": "binary",
        "num_leaves": 31,
        "num_iterations": 20,
        "min_data_in_leaf": 5,
        **settings,
    }
    data = lgb.Dataset(X, label.astype(float), **group)
    return lgb.train(
        {"verbose": -1, "seed": 1, "num_threads": 1, "deterministic": True, **chosen}, data
    )


def rows(rng: np.random.Generator, n: int, unknown: float) -> np.ndarray:
    X = np.round(rng.normal(size=(n, COLUMNS)) * 4) / 4
    X[rng.random(X.shape) < unknown] = np.nan
    return X.astype(np.float32)


@pytest.mark.parametrize("objective", ["binary", "cross_entropy", "lambdarank", "regression"])
@pytest.mark.parametrize("leaves", [2, 7, 31, 32])
def test_scores_are_lightgbms(objective: str, leaves: int) -> None:
    model = trained(leaves, objective=objective, num_leaves=leaves)
    fast = compiled(model)
    assert fast is not None
    X = rows(
        np.random.default_rng(7), 2 * BLOCK_ROWS + 17, 0.3
    )  # unknowns also where training saw none
    X[0], X[1], X[2] = np.nan, np.inf, -np.inf
    np.testing.assert_allclose(fast.predict(X), model.predict(X, num_threads=1), rtol=0, atol=1e-12)


def test_a_model_from_its_text_is_the_same() -> None:
    model = trained()
    again = lgb.Booster(model_str=model.model_to_string())
    X = rows(np.random.default_rng(1), 100, 0.2)
    np.testing.assert_array_equal(predictor(again, 1).predict(X), predictor(model, 1).predict(X))


def test_numbers_at_a_threshold_go_left() -> None:
    """One test `x <= t` between 0.1 and 0.2 in float32: LightGBM puts t between them, whatever its
    rounding.
    """
    low, high = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    X = np.repeat(np.array([[low], [high]], np.float32), 50, axis=0)
    settings = {
        "objective": "regression",
        "num_leaves": 2,
        "num_iterations": 1,
        "min_data_in_leaf": 1,
        "verbose": -1,
    }
    model = lgb.train({**settings, "min_data_in_bin": 1}, lgb.Dataset(X, np.repeat([0.0, 1.0], 50)))
    pair = np.array([[low], [high]], np.float32)
    np.testing.assert_array_equal(predictor(model, 1).predict(pair), model.predict(pair))


def test_a_model_that_learned_nothing_is_a_constant() -> None:
    data = lgb.Dataset(np.zeros((50, 2)), np.arange(50) % 2)
    model = lgb.train({"objective": "binary", "num_iterations": 3, "verbose": -1}, data)
    X = np.zeros((3, 2), np.float32)
    np.testing.assert_allclose(predictor(model, 1).predict(X), model.predict(X))


def test_no_rows_give_no_scores() -> None:
    assert predictor(trained(), 1).predict(np.empty((0, COLUMNS), np.float32)).shape == (0,)


@pytest.mark.parametrize(
    "settings", [{"num_leaves": 33}, {"zero_as_missing": True}, {"linear_tree": True}]
)
def test_what_it_cannot_say_is_left_to_lightgbm(settings: dict[str, Any]) -> None:
    model = trained(unknown=0.0, **settings)
    assert compiled(model) is None and isinstance(predictor(model, 1), Plain)
    X = rows(np.random.default_rng(2), 50, 0.0)
    np.testing.assert_array_equal(predictor(model, 1).predict(X), model.predict(X, num_threads=1))


def test_categories_are_left_to_lightgbm() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, (500, 2)).astype(float)
    data = lgb.Dataset(X, np.isin(X[:, 0], [1, 4]), categorical_feature=[0])
    model = lgb.train(
        {"objective": "binary", "num_iterations": 3, "verbose": -1, "min_data_per_group": 5}, data
    )
    assert isinstance(predictor(model, 1), Plain)


def test_the_usual_model_is_compiled() -> None:
    assert isinstance(predictor(trained(), 1), Compiled)


def test_arrays_come_back_from_their_file(tmp_path: Path) -> None:
    fast = compiled(trained())
    assert fast is not None
    fast.save(tmp_path / "m.npz")
    X = rows(np.random.default_rng(3), 50, 0.2)
    np.testing.assert_array_equal(Compiled.load(tmp_path / "m.npz").predict(X), fast.predict(X))
