"""Learning curves end at what the release says of itself; SHAP values sum to the score they
explain.
"""

from __future__ import annotations

import json

import lightgbm as lgb
import numpy as np
import pytest

from recsys_tasks.ranking.examples.build import build_examples
from recsys_tasks.ranking.models.contributions import contributions, mean_strength, strongest
from recsys_tasks.ranking.models.held_out import HeldOut
from recsys_tasks.ranking.models.train import train_ranker
from tests.ranking.planted import RANKER, World

OBJECTIVES = [
    {"name": "view", "events": ["view", "buy"], "weight": 1.0},
    {"name": "buy", "events": ["buy"], "weight": 3.0},
]


SEVERAL = {"events": {"kinds": [{"name": "view"}, {"name": "buy"}]}, "objectives": OBJECTIVES}


@pytest.fixture(scope="module", params=[SEVERAL, {}], ids=["pointwise", "listwise"])
def held_out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HeldOut:
    """Of a light ranker that learns each row by itself, and of one that learns whole lists."""
    world = World(tmp_path_factory.mktemp("lake"), **request.param)
    examples = build_examples(world.snapshot, world.timeline, world.windows())
    release = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    survivors, resources = world.config.ranker.light_survivors, world.config.resources
    return HeldOut(examples, release, survivors, resources.threads, resources.seed)


@pytest.mark.parametrize("stage", ["light", "heavy"])
def test_the_steps_end_at_the_whole_model(held_out: HeldOut, stage: str) -> None:
    points = held_out.steps(stage, step=8)
    trees = RANKER[f"{stage}_trees"] * {"light": 1, "heavy": RANKER["heavy_members"]}[stage]
    assert [p[0] for p in points] == [*range(8, trees, 8), trees]
    assert points[-1][1] == pytest.approx(held_out.facts["held_out_ndcg@10"][stage], abs=1e-12)


def test_the_sizes_end_at_the_light_ranker_that_serves(held_out: HeldOut) -> None:
    points = held_out.sizes((0.05, 1.0))
    part = np.asarray(held_out.data.part)
    assert points[-1][0] == len(np.unique(held_out.data.user[part < 2]))  # parts 0 and 1 train
    assert points[-1][1] == pytest.approx(held_out.facts["held_out_ndcg@10"]["light"], abs=1e-12)
    assert points[0][0] == round(0.05 * points[-1][0]) and points[0][1] < points[-1][1]


def test_shap_rows_are_held_out_survivors(held_out: HeldOut) -> None:
    rows = held_out.sample(40)
    assert len(rows) == 40 and (np.diff(rows) > 0).all()
    assert (np.asarray(held_out.data.part)[rows] >= 2).all()


def test_contributions_are_the_shares_mix_and_miss_the_score_by_the_base_alone() -> None:
    # One split at x0 <= 0.5, halves of 20 rows, labels 0 and 4, learning rate 1: leaves 0 and 4,
    # base (their mean) 2, so x0 moves a row by -2 or +2 and x1 by nothing. Mixed as 0.25 of it and
    # 0.75 of the same: the same again.
    X = np.column_stack([np.repeat([0.0, 1.0], 20), np.zeros(40)]).astype(np.float32)
    settings = {
        "objective": "regression",
        "num_leaves": 2,
        "learning_rate": 1.0,
        "min_data_in_leaf": 1,
        "verbose": -1,
    }
    model = lgb.train({**settings, "lambda_l2": 0.0}, lgb.Dataset(X, np.repeat([0.0, 4.0], 20)), 1)
    found = contributions([model, model], (0.25, 0.75), X[[0, 39]], 1)
    np.testing.assert_allclose(found, [[-2.0, 0.0], [2.0, 0.0]], atol=1e-6)


def test_the_strongest_columns_of_a_row_and_of_all() -> None:
    row = np.array([0.1, -0.5, 0.0, 0.3])
    assert strongest("abcd", row, 3) == [("b", -0.5), ("d", 0.3), ("a", 0.1)]
    assert strongest("abcd", row, 9)[-1] == ("a", 0.1)  # c moved nothing
    # means of |.|: a (1 + 3) / 2 = 2, b (4 + 2) / 2 = 3
    assert mean_strength("ab", np.array([[1.0, -4.0], [-3.0, 2.0]])) == {"b": 3.0, "a": 2.0}
    assert json.dumps(mean_strength("ab", np.zeros((0, 2)))) == '{"a": 0.0, "b": 0.0}'
