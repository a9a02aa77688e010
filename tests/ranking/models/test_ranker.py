from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_tasks.errors import ArtifactError, ConfigError
from recsys_tasks.lake import Artifact
from recsys_tasks.metrics import calibration_error
from recsys_tasks.ranking.examples.build import Examples, build_examples
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A, FOLD_A, FOLD_B
from recsys_tasks.ranking.models.cascade import heavy, light_out_of_fold, lists_with_a_positive
from recsys_tasks.ranking.models.fitting import light_loss
from recsys_tasks.ranking.models.query_groups import group_sizes, ndcg_at_10, surviving
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.ranking.models.search import search_split
from recsys_tasks.ranking.models.train import train_ranker
from tests.ranking.planted import RANKER, World
from tests.worlds import make_config

KINDS = {"kinds": [{"name": "view"}, {"name": "buy"}]}
OBJECTIVES = [
    {"name": "view", "events": ["view", "buy"], "weight": 1.0},
    {"name": "buy", "events": ["buy"], "weight": 3.0},
]


Trained = tuple[World, Artifact, Artifact]
"""The world, its examples and the release that learned from them."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    world = World(tmp_path_factory.mktemp("lake"), events=KINDS, objectives=OBJECTIVES)
    artifact = build_examples(world.snapshot, world.timeline, world.windows())
    return world, artifact, train_ranker(world.config, world.snapshot.lake, artifact, lineage="abc")


def test_it_learns_the_planted_order_and_heavy_holds_lights_gain(trained: Trained) -> None:
    _, _, release = trained
    ndcg = json.loads(release.file("release.json").read_text())["held_out_ndcg@10"]
    # Candidates come in random order; acting follows the tower's direction, which both rankers see.
    assert ndcg["fused"] < 0.35
    assert ndcg["light"] > ndcg["fused"] + 0.2
    assert ndcg["heavy"] > ndcg["fused"] + 0.2


def test_release_says_what_it_is(trained: Trained) -> None:
    world, examples, release = trained
    facts = json.loads(release.file("release.json").read_text())
    assert release.key.startswith("r20260310-") and len(release.key) == 16
    assert facts["mode"] == "light_and_heavy" and facts["lineage"] == "abc"
    assert facts["label_end"] == facts["gate_cutoff"] == world.timeline.gate_cutoff.isoformat()
    assert [o["weight"] for o in facts["objectives"]] == [0.25, 0.75]
    assert set(facts["importances"]) == {"light", "heavy"}
    assert facts["importances"]["heavy"]["buy"]["similar_most"] > 0
    again = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    assert again.reference == release.reference


def test_training_twice_gives_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    _, _, release = trained
    world = World(tmp_path, events=KINDS, objectives=OBJECTIVES)
    examples = build_examples(world.snapshot, world.timeline, world.windows())
    again = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    assert again.key == release.key and again.content == release.content


def test_scores_are_probabilities_on_held_out_users(trained: Trained) -> None:
    _, artifact, release = trained
    data, ranker = Examples.open(artifact), Ranker.open(release)
    rows = np.asarray(data.part) >= CALIBRATION_A
    light = data.X[rows][:, [data.names.index(name) for name in ranker.light_names]]
    scores = ranker.light_scores(light)
    assert scores.min() >= 0 and scores.max() <= 1
    # Weighted mean of P(view or buy) and P(buy): .25 and .75 of the two rates.
    target = data.labels[rows] @ np.array([0.25, 0.75])
    assert abs(scores.mean() - target.mean()) < 0.01
    assert ranker.facts["calibration_error"]["heavy"][0] < 0.08
    chart = json.loads(release.file("calibration.json").read_text())["light"][0]["chart"]
    assert sum(bar["rows"] for bar in chart) == rows.sum()
    assert calibration_error(scores, data.labels[rows, 0]) < 0.08


def test_a_row_is_cut_by_a_light_ranker_that_never_saw_its_user(trained: Trained) -> None:
    """Other labels of some users change the scores of the others alone."""
    world, artifact, _ = trained
    data = Examples.open(artifact)
    part = np.asarray(data.part)
    _, before = light_out_of_fold(world.config, data, part)
    assert np.isfinite(before).all()
    for fold, others in ((FOLD_A, FOLD_B), (FOLD_B, FOLD_A)):
        labels = np.array(data.labels)
        labels[part == fold] = labels[part == fold][::-1]
        _, after = light_out_of_fold(world.config, replace(data, labels=labels), part)
        np.testing.assert_array_equal(after[part == fold], before[part == fold])
        assert (after[part == others] != before[part == others]).any()
        assert (after[part >= CALIBRATION_A] != before[part >= CALIBRATION_A]).any()
    labels = np.array(data.labels)
    labels[part >= CALIBRATION_A] ^= True
    _, after = light_out_of_fold(world.config, replace(data, labels=labels), part)
    np.testing.assert_array_equal(after, before)


def test_the_members_of_a_heavy_ranker_draw_for_themselves(trained: Trained) -> None:
    world, artifact, _ = trained
    data = Examples.open(artifact)
    rows = np.asarray(data.part) < CALIBRATION_A
    model = heavy(world.config, data, rows, 0)
    trees = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
    assert len(trees) == RANKER["heavy_trees"] * RANKER["heavy_members"]
    assert trees[0] != trees[1]  # the first of each: same rows and labels
    assert heavy(world.config, data, rows, 0).model_to_string() == model.model_to_string()


def test_a_listwise_ranker_gets_whole_lists_each_of_one_user_and_with_a_positive(
    trained: Trained,
) -> None:
    _, artifact, _ = trained
    data = Examples.open(artifact)
    some = np.asarray(data.part) < CALIBRATION_A
    some &= data.X[:, 0] > np.median(data.X[:, 0])  # a user's rows share the column
    rows = lists_with_a_positive(data, np.flatnonzero(some), 1)
    sizes = group_sizes(data.group[rows])
    assert 1000 < len(rows) < some.sum() and some[rows].all()
    for of_list in np.split(rows, np.cumsum(sizes)[:-1]):
        assert len(np.unique(data.group[of_list])) == 1 == len(np.unique(data.user[of_list]))
        assert data.labels[of_list, 1].any()
    assert len(sizes) == len(np.unique(data.group[rows]))  # no list in two pieces
    left_out = np.setdiff1d(np.flatnonzero(some), rows)
    assert not data.labels[left_out, 1].any()


@pytest.mark.parametrize(
    ("change", "loss"),
    [
        ({}, "lambdarank"),
        ({"ranker": {"loss": "binary"}}, "binary"),
        ({"events": KINDS, "objectives": OBJECTIVES}, "binary"),  # mixed before they are calibrated
        ({"events": {"impressions": {"event": "shown", "position_column": "position"}}}, "binary"),
    ],
)
def test_the_light_ranker_is_listwise_where_there_is_one_plain_outcome(
    change: dict[str, Any], loss: str
) -> None:
    assert light_loss(make_config(**change), 0) == loss


def test_a_listwise_light_ranker_is_trained_as_the_settings_say(tmp_path: Path) -> None:
    world = World(tmp_path)
    data = Examples.open(build_examples(world.snapshot, world.timeline, world.windows()))
    (model,), _ = light_out_of_fold(world.config, data, np.asarray(data.part))
    assert model.params["objective"] == "lambdarank"
    assert model.num_trees() == RANKER["light_trees"]
    assert model.num_feature() == len(data.light_names) < len(data.names)


@pytest.mark.parametrize("change", [{"loss": "binary"}, {"mode": "heavy"}])
def test_other_settings_train_too(tmp_path: Path, change: dict[str, Any]) -> None:
    world = World(tmp_path, ranker={**RANKER, **change})
    examples = build_examples(world.snapshot, world.timeline, world.windows())
    release = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    facts = json.loads(release.file("release.json").read_text())
    assert facts["held_out_ndcg@10"]["heavy"] > facts["held_out_ndcg@10"]["fused"] + 0.2
    assert ("light" in facts["models"]) == ("loss" in change)


CONSTRAINED = {"tower_score": 1, "item_popularity_7d": -1}


@pytest.mark.parametrize("loss", ["lambdarank", "binary"])
def test_constrained_scores_never_move_against_their_column(tmp_path: Path, loss: str) -> None:
    def most_against(folder: Path, monotone: dict[str, int]) -> float:
        """How far any row's score moves the forbidden way, as a constrained column goes over a
        grid.
        """
        world = World(folder, ranker={**RANKER, "loss": loss, "monotone": monotone})
        examples = build_examples(world.snapshot, world.timeline, world.windows())
        ranker = Ranker.open(
            train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
        )
        data, worst = Examples.open(examples), 0.0
        for name, sign in CONSTRAINED.items():
            for names, score in (
                (ranker.heavy_names, ranker.heavy_scores),
                (ranker.light_names, ranker.light_scores),
            ):
                X = np.array(data.X[:200, [data.names.index(n) for n in names]])
                grid = np.quantile(data.X[:, data.names.index(name)], np.linspace(0, 1, 25))
                scores = []
                for X[:, names.index(name)] in grid:
                    scores.append(score(X))
                worst = max(worst, float((-sign * np.diff(scores, axis=0)).max()))
        return worst

    assert most_against(tmp_path / "free", {}) > 0.01
    assert most_against(tmp_path / "held", CONSTRAINED) < 1e-12


def test_a_constraint_on_no_column_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, ranker={**RANKER, "monotone": {"item_popularty": 1}})
    examples = build_examples(world.snapshot, world.timeline, world.windows())
    with pytest.raises(ConfigError, match="item_popularty") as refusal:
        train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    assert refusal.value.where == "ranker.monotone" and "release.json" in refusal.value.remedy


def test_a_search_is_recorded_and_never_worse_than_the_settings(tmp_path: Path) -> None:
    poor = {**RANKER, "learning_rate": 0.0001, "heavy_trees": 10, "search": {"trials": 6}}
    world = World(tmp_path, ranker=poor)
    examples = build_examples(world.snapshot, world.timeline, world.windows())
    release = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    found = json.loads(release.file("release.json").read_text())["search"]
    assert found["trials"] == 6
    assert found["ndcg@10"] > found["ndcg@10 as set"]
    assert (
        f"[learning_rate: {found['best']['learning_rate']:.3g}]"[:18]
        in release.file("heavy.purchase.txt").read_text()
    )
    world.snapshot.lake.remove(release)
    again = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    assert (
        json.loads(again.file("release.json").read_text())["search"] == found
    )  # the same trials, not only as many


def test_a_search_is_judged_by_other_users_in_a_later_window_than_it_learns_from(
    trained: Trained,
) -> None:
    _, artifact, _ = trained
    data = Examples.open(artifact)
    learn, judge = search_split(data, np.ones(len(data.part), bool))
    window = np.repeat(np.arange(3), [w["rows"] for w in data.facts["windows"]])  # newest first
    assert set(data.part[learn]) == {FOLD_A} and set(data.part[judge]) == {FOLD_B}
    assert set(window[judge]) == {0} and set(window[learn]) == {1, 2}


def test_too_little_history_is_a_release_without_a_ranker(tmp_path: Path) -> None:
    world = World(tmp_path)
    examples = build_examples(world.snapshot, world.timeline, [])
    release = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
    opened = Ranker.open(release)
    assert opened.mode == "retrieval" and "min_history_days" in opened.facts["reason"]
    with pytest.raises(ArtifactError):
        release.file("heavy.purchase.txt")


def test_survivors_count_sampled_rows_for_what_they_stand_for() -> None:
    group = np.array([0, 0, 0, 0, 1, 1])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.5])
    weight = np.array([1, 3, 1, 3, 1, 1], np.float32)
    item = np.array([4, 3, 2, 1, 9, 8], np.int32)
    # List 0: 0, 1, 4 and 5 candidates rank above its rows; a limit of 4 keeps those with fewer than
    # 4. List 1: equal scores, so the smaller key comes first.
    assert surviving(score, group, weight, item, 4).tolist() == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    assert surviving(score, group, weight, item, 1).tolist() == [
        True,
        False,
        False,
        False,
        False,
        True,
    ]
    assert group_sizes(group).tolist() == [4, 2]


def test_ndcg_of_rows() -> None:
    # One list, positives at places 1 and 3 of 3: (1 + 1/2) / (1 + 1/log2(3)).
    value = ndcg_at_10(
        np.array([3.0, 2, 1]),
        np.array([True, False, True]),
        np.zeros(3, int),
        np.arange(3, dtype=np.int32),
    )
    assert value == pytest.approx(1.5 / (1 + 1 / np.log2(3)))
