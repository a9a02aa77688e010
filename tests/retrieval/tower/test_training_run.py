from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.errors import DataError, LeakageError
from recsys_tasks.retrieval.tower import training_run as _tf_training
from recsys_tasks.retrieval.tower.inputs import EMPTY
from recsys_tasks.retrieval.tower.lineage import (
    lineage_hash,
    open_tower,
    train_two_tower,
)
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.training_run import TrainingRun
from recsys_tasks.retrieval.tower.versions import (
    TowerState,
)
from recsys_tasks.retrieval.tower.warm_start import significantly_lower
from recsys_tasks.retrieval.tower.weights import start_arrays, zero_untrained
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower.small_towers import (
    ALL,
    DAY_10,
    MEMBERS,
    RATE,
    batch_of,
    copied,
    joined_of,
    of_member,
    tower_of,
    vectors_of,
)
from tests.retrieval.tower_world import group_config, group_snapshot
from tests.worlds import make_config, make_snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return group_snapshot(tmp_path_factory.mktemp("lake"), group_config(epochs=2), "2024-10-18", 14)


def test_untouched_rows_lose_their_random_start() -> None:
    arrays = start_arrays(group_config().two_tower, {"item": 3, "value": 2, "user_value": 1}, 1)
    arrays["item/v"][1, 3] = 0.5  # the one row that training has moved
    before = arrays["item"].copy()
    zero_untrained(arrays)
    np.testing.assert_array_equal(arrays["item"][1], before[1])
    assert not arrays["item"][[0, 2]].any()
    assert not arrays["value"].any()
    assert arrays["w1"].any()  # no table of ids or values


class TestModel:
    def test_loss_is_the_mean_of_the_members_corrected_softmaxes(self) -> None:
        tower, arrays = tower_of()
        losses = []
        for member in range(MEMBERS):
            users, items = vectors_of(arrays, member)
            logits = 14.0 * users @ items.T - np.log([1.0, 0.5])
            losses.append(np.mean(np.log(np.exp(logits).sum(1)) - np.diag(logits)))
        assert float(tower.train(batch_of(ALL))) == pytest.approx(np.mean(losses), rel=1e-4)

    def test_members_learn_as_if_alone(self) -> None:
        # A mild softmax: where it is sure, gradients are as small as Adam's epsilon, and half of
        # one is another step.
        both, arrays = tower_of(logit_scale=1.0)
        config = both.config.model_copy(
            update={"members": 1, "dimensions": both.config.dimensions // MEMBERS}
        )
        values = np.array([[1], [1], [0]], np.int32)
        alone = [
            Tower(config, copied(of_member(arrays, member)), values, np.zeros((2, 1), np.int32), 1)
            for member in range(MEMBERS)
        ]
        for _ in range(5):
            for tower in (both, *alone):
                tower.train(batch_of(ALL))
        joined = both.arrays()
        for member, tower in enumerate(alone):
            mine = tower.arrays()
            for name, array in of_member(joined, member).items():
                if "/" not in name:
                    # Five steps move a parameter by up to five rates; a member's moves are its own.
                    np.testing.assert_allclose(
                        array, mine[name], atol=float(RATE) / 2, err_msg=name
                    )
            assert np.abs(mine["item"] - of_member(arrays, member)["item"]).max() > 3 * RATE

    def test_masked_candidates_are_no_negatives(self) -> None:
        tower, _ = tower_of()
        # Nobody has a negative left: the softmax over one candidate is certain.
        assert float(tower.train(batch_of([[True, False], [False, True]]))) == pytest.approx(
            0.0, abs=1e-6
        )

    def test_vectors_are_unit_and_follow_the_formulas(self) -> None:
        tower, arrays = tower_of()
        users, items = joined_of(arrays, 0), joined_of(arrays, 1)
        np.testing.assert_allclose(np.linalg.norm(users, axis=1), 1.0, atol=1e-6)
        batch = batch_of(ALL)
        np.testing.assert_allclose(tower.user_vectors(batch.history, batch.user), users, atol=1e-5)
        np.testing.assert_allclose(tower.item_vectors(np.array([1, 2])), items, atol=1e-5)

    def test_metric_dot_leaves_lengths_alone(self) -> None:
        tower, arrays = tower_of(metric="dot")
        np.testing.assert_allclose(
            tower.item_vectors(np.array([2]))[0], arrays["item"][2] / np.sqrt(MEMBERS), atol=1e-6
        )

    def test_a_step_moves_touched_rows_by_the_rate_and_no_others(self) -> None:
        config = group_config(dropout=0.0, item_dropout=0.0).two_tower
        arrays = start_arrays(config, {"item": 9, "value": 2, "user_value": 1}, 1)
        tower = Tower(
            config, copied(arrays), np.zeros((9, 1), np.int32), np.zeros((2, 1), np.int32), 1
        )
        tower.train(batch_of(ALL))
        moved = np.abs(tower.arrays()["item"] - arrays["item"])
        # Adam's first step has the size of the learning rate, whatever the gradient.
        np.testing.assert_allclose(moved[:3], RATE, rtol=0.02)
        assert (moved[3:] == 0).all()
        assert (tower.arrays()["item/v"][3:] == 0).all()

    def test_a_step_without_values_leaves_the_padding_rows_alone(self) -> None:
        config = group_config(dropout=0.0, item_dropout=0.0).two_tower
        arrays = start_arrays(config, {"item": 3, "value": 2, "user_value": 1}, 1)
        tower = Tower(config, arrays, np.zeros((3, 1), np.int32), np.zeros((2, 1), np.int32), 1)
        tower.train(batch_of(ALL))
        for name in ("value", "user_value"):
            for moment in ("", "/m", "/v"):
                assert not tower.arrays()[name + moment][0].any(), name + moment


class TestTraining:
    def test_a_rerun_is_a_no_op_and_a_retrain_gives_the_same_bytes(
        self, snapshot: Snapshot
    ) -> None:
        first = train_two_tower(snapshot, DAY_10)
        assert train_two_tower(snapshot, DAY_10).artifact.version == first.artifact.version
        content = first.artifact.content
        snapshot.lake.remove(first.artifact)
        again = train_two_tower(snapshot, DAY_10)
        assert again.artifact.version != first.artifact.version
        assert again.artifact.content == content

    def test_ledger_and_names(self, snapshot: Snapshot) -> None:
        version = train_two_tower(snapshot, DAY_10)
        assert version.lineage == f"{lineage_hash(snapshot.config)}-20241014"
        assert version.artifact.key == f"{version.lineage}.2024-10-14"
        # 80 users, 10 days, one event a day: nine have a history.
        assert version.ledger["examples"] == 720
        assert version.ledger["loss"][-1] < version.ledger["loss"][0]
        assert open_tower(snapshot.lake, version.lineage, DAY_10).ledger == version.ledger

    def test_later_rows_change_nothing(self, tmp_path: Path) -> None:
        contents = []
        for name, days in (("short", 10), ("long", 14)):
            late = group_snapshot(tmp_path / name, group_config(epochs=1), "2024-10-18", days)
            state = TowerState.load(train_two_tower(late, DAY_10).artifact)
            contents.append(state.arrays)
        assert all(np.array_equal(contents[0][name], contents[1][name]) for name in contents[0])

    def test_a_tower_that_tells_nothing_apart_finds_nothing(self, snapshot: Snapshot) -> None:
        run = TrainingRun.open(snapshot, DAY_10, EMPTY, EMPTY)
        arrays = start_arrays(snapshot.config.two_tower, run.rows, 1)
        assert run.hits(
            run.tower(arrays), run.examples
        ).all()  # 40 items: the nearest hundred are all of them
        for broken in (0.0, np.nan):
            flat = {
                name: np.full_like(array, broken)
                for name, array in arrays.items()
                if name != "step"
            }
            with patch.object(_tf_training, "RECALL_K", 39):
                assert not run.hits(run.tower({**flat, "step": arrays["step"]}), run.examples).any()

    def test_hits_are_those_of_a_plain_count_over_items_with_events(
        self, snapshot: Snapshot
    ) -> None:
        """In blocks of 7, as in one. Items without events are no rivals; a target that is not
        there hits nothing.
        """
        run = TrainingRun.open(snapshot, DAY_10, EMPTY, EMPTY)
        without = replace(run, events=run.events.where(run.events.item % 4 > 0))
        there = replace(without, existing=without.existing[without.existing != 1])
        examples = there.examples[:50]
        tower = there.tower(start_arrays(snapshot.config.two_tower, run.rows, 1))
        users = there.user_vectors(tower, examples)
        with_events = np.array([item for item in range(40) if item % 4 > 0 and item != 1])
        assert there.items_with_events.tolist() == with_events.tolist()
        expected = []
        for user, target in zip(users, there.events.item[examples], strict=True):
            scores = tower.item_vectors(np.arange(40)) @ user
            others = [
                item
                for item in with_events
                if item != target and scores[item] >= scores[target] - 1e-6
            ]
            expected.append(target != 1 and len(others) < 5)
        assert 5 < sum(expected) < 45
        for block in (7, 8192):
            with patch.multiple(_tf_training, RECALL_K=5, ITEM_BLOCK=block, QUERY_BLOCK=block):
                assert there.hits(tower, examples).tolist() == expected
        assert there.hits(tower, examples[:0]).tolist() == []

    def test_a_diverged_training_leaves_no_version(self, tmp_path: Path) -> None:
        snapshot = group_snapshot(
            tmp_path, group_config(metric="dot", learning_rate=1e30), "2024-10-18", 14
        )
        with pytest.raises(DataError, match="the training diverged"), np.errstate(all="ignore"):
            train_two_tower(snapshot, DAY_10)
        assert snapshot.lake.keys("tower") == []

    def test_a_shop_of_one_event_a_user_has_an_untrained_tower_until_there_is_more(
        self, tmp_path: Path
    ) -> None:
        """Nothing to learn on the first night: no vector, not a random one. On the second each of
        the nine users has an earlier event, and the same lineage learns from it."""
        users, items = [f"u{n}" for n in range(9)], [f"i{n}" for n in range(9)]
        rows = pd.DataFrame({"user_id": users, "item_id": items, "ts": range(9)})
        first = make_snapshot(tmp_path, make_config(), "1970-01-02", rows)
        untrained = train_two_tower(first, date(1970, 1, 2))
        assert untrained.ledger["examples"] == 0
        assert "untrained: no user has events at two different times" in untrained.ledger["why"]
        assert not TowerState.load(untrained.artifact).arrays["item"].any()
        again = pd.DataFrame({"user_id": users, "item_id": items[::-1], "ts": 90_000})
        second = make_snapshot(tmp_path, make_config(), "1970-01-03", pd.concat([rows, again]))
        trained = train_two_tower(second, date(1970, 1, 3), untrained)
        assert (trained.lineage, trained.ledger["start"]) == (untrained.lineage, "cold")
        assert trained.ledger["examples"] == 9
        assert TowerState.load(trained.artifact).arrays["item"].any()

    def test_a_parent_must_be_older(self, snapshot: Snapshot) -> None:
        parent = train_two_tower(snapshot, DAY_10)
        with pytest.raises(LeakageError, match="learned before 2024-10-14"):
            train_two_tower(snapshot, DAY_10, parent)


def test_less_than_the_control_is_sure_only_beyond_chance() -> None:
    warm, cold = np.zeros(100, bool), np.zeros(100, bool)
    warm[:20], cold[:20] = True, True
    cold[20:24] = True  # 20 against 24 is less than nine tenths, but 4 to 0 are within 2 · √4
    assert not significantly_lower(warm, cold, 0.9)
    cold[24:26] = True  # 6 to 0 are more than 2 · √6 = 4.9
    assert significantly_lower(warm, cold, 0.9)
    assert not significantly_lower(warm, cold, 0.75)  # 20 of 26 is .77
