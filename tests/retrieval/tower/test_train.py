from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Attribute, ItemsTable, UsersTable
from recsys_tasks.errors import DataError, LeakageError, NotEnoughData
from recsys_tasks.retrieval.tower import training as _tf_training
from recsys_tasks.retrieval.tower import warm_start
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.examples import FlatHistories
from recsys_tasks.retrieval.tower.inputs import EMPTY
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.train import (
    advance_chain,
    current_lineage,
    keep_up,
    lineage_hash,
    open_tower,
    tower_at,
    train_two_tower,
)
from recsys_tasks.retrieval.tower.training import Run
from recsys_tasks.retrieval.tower.versions import (
    TowerState,
    lineages_of,
    serving_at,
    snapshot_for,
    versions_of,
    why_cold,
)
from recsys_tasks.retrieval.tower.warm_start import significantly_lower
from recsys_tasks.retrieval.tower.weights import Arrays, Batch, start_arrays, zero_untrained
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower_world import group_config, group_events, group_items, group_snapshot
from tests.worlds import make_config, make_snapshot, rewrite

DAY_10, DAY_12, DAY_14 = date(2024, 10, 14), date(2024, 10, 16), date(2024, 10, 18)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return group_snapshot(tmp_path_factory.mktemp("lake"), group_config(epochs=2), "2024-10-18", 14)


RATE = np.float32(0.002)
MEMBERS = 2
ALL = [[True, True], [True, True]]


def _tower(**settings: float | str) -> tuple[Tower, Arrays]:
    """Three items, of which the first two share a value; one user; dropout off."""
    config = group_config(dropout=0.0, item_dropout=0.0, **settings).two_tower
    arrays = start_arrays(config, {"item": 3, "value": 2, "user_value": 1}, 1)
    values = np.array([[1], [1], [0]], np.int32)
    return Tower(config, _copied(arrays), values, np.zeros((2, 1), np.int32), 1), arrays


def _copied(arrays: Arrays) -> Arrays:
    """For a tower to move, so that it can be compared with its start."""
    return {name: array.copy() for name, array in arrays.items()}


def _batch(allowed: list[list[bool]]) -> Batch:
    """User 0 had item 0 and takes 1; user 1 had items 1 and 2 and takes 2."""
    history = FlatHistories(*(np.array(v, np.int32) for v in ([0, 1, 2], [0, 1, 1], [0, 1, 0])))
    one = np.ones(2, np.float32)
    keys = np.array([0, 1], np.int32), np.array([1, 2], np.int32)
    return Batch(history, *keys, one, np.array([1.0, 0.5], np.float32), np.array(allowed), RATE)


def _vectors(arrays: Arrays, member: int) -> tuple[np.ndarray, np.ndarray]:
    """The model's formulas once more, in numpy: one member's user vectors of `_batch`, item vectors
    of its targets.
    """
    inputs = arrays["item"] + np.stack(
        [arrays["value"][1], arrays["value"][1], 0 * arrays["value"][1]]
    )
    inputs = np.split(inputs, MEMBERS, axis=1)[member]
    pooled = np.stack([inputs[0], (inputs[1] + inputs[2]) / 2])  # no decay at the start
    w1, b1, w2, b2 = (arrays[name][member] for name in ("w1", "b1", "w2", "b2"))
    hidden = np.concatenate([pooled, inputs[[0, 2]], np.zeros_like(pooled)], 1) @ w1 + b1
    users = pooled + np.maximum(hidden, 0) @ w2 + b2
    items = inputs[[1, 2]]
    return tuple(v / np.linalg.norm(v, axis=1, keepdims=True) for v in (users, items))  # type: ignore[return-value]


def _joined(arrays: Arrays, side: int) -> np.ndarray:
    """Both members' vectors of users (side 0) or items (side 1), end to end, of length one
    together.
    """
    return np.concatenate(
        [_vectors(arrays, member)[side] for member in range(MEMBERS)], 1
    ) / np.sqrt(MEMBERS)


def _of_member(arrays: Arrays, member: int) -> Arrays:
    """The arrays of one member as those of a model by itself."""
    cut = {
        name: np.split(arrays[name], MEMBERS, 1)[member]
        for name in arrays
        if arrays[name].ndim == 2
    }
    layers = {name: arrays[name][member : member + 1] for name in arrays if arrays[name].ndim == 3}
    return {"step": arrays["step"]} | cut | layers


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
        tower, arrays = _tower()
        losses = []
        for member in range(MEMBERS):
            users, items = _vectors(arrays, member)
            logits = 14.0 * users @ items.T - np.log([1.0, 0.5])
            losses.append(np.mean(np.log(np.exp(logits).sum(1)) - np.diag(logits)))
        assert float(tower.train(_batch(ALL))) == pytest.approx(np.mean(losses), rel=1e-4)

    def test_members_learn_as_if_alone(self) -> None:
        # A mild softmax: where it is sure, gradients are as small as Adam's epsilon, and half of
        # one is another step.
        both, arrays = _tower(logit_scale=1.0)
        config = both.config.model_copy(
            update={"members": 1, "dimensions": both.config.dimensions // MEMBERS}
        )
        values = np.array([[1], [1], [0]], np.int32)
        alone = [
            Tower(
                config, _copied(_of_member(arrays, member)), values, np.zeros((2, 1), np.int32), 1
            )
            for member in range(MEMBERS)
        ]
        for _ in range(5):
            for tower in (both, *alone):
                tower.train(_batch(ALL))
        joined = both.arrays()
        for member, tower in enumerate(alone):
            mine = tower.arrays()
            for name, array in _of_member(joined, member).items():
                if "/" not in name:
                    # Five steps move a parameter by up to five rates; a member's moves are its own.
                    np.testing.assert_allclose(array, mine[name], atol=RATE / 2, err_msg=name)
            assert np.abs(mine["item"] - _of_member(arrays, member)["item"]).max() > 3 * RATE

    def test_masked_candidates_are_no_negatives(self) -> None:
        tower, _ = _tower()
        # Nobody has a negative left: the softmax over one candidate is certain.
        assert float(tower.train(_batch([[True, False], [False, True]]))) == pytest.approx(
            0.0, abs=1e-6
        )

    def test_vectors_are_unit_and_follow_the_formulas(self) -> None:
        tower, arrays = _tower()
        users, items = _joined(arrays, 0), _joined(arrays, 1)
        np.testing.assert_allclose(np.linalg.norm(users, axis=1), 1.0, atol=1e-6)
        batch = _batch(ALL)
        np.testing.assert_allclose(tower.user_vectors(batch.history, batch.user), users, atol=1e-5)
        np.testing.assert_allclose(tower.item_vectors(np.array([1, 2])), items, atol=1e-5)

    def test_metric_dot_leaves_lengths_alone(self) -> None:
        tower, arrays = _tower(metric="dot")
        np.testing.assert_allclose(
            tower.item_vectors(np.array([2]))[0], arrays["item"][2] / np.sqrt(MEMBERS), atol=1e-6
        )

    def test_a_step_moves_touched_rows_by_the_rate_and_no_others(self) -> None:
        config = group_config(dropout=0.0, item_dropout=0.0).two_tower
        arrays = start_arrays(config, {"item": 9, "value": 2, "user_value": 1}, 1)
        tower = Tower(
            config, _copied(arrays), np.zeros((9, 1), np.int32), np.zeros((2, 1), np.int32), 1
        )
        tower.train(_batch(ALL))
        moved = np.abs(tower.arrays()["item"] - arrays["item"])
        # Adam's first step has the size of the learning rate, whatever the gradient.
        np.testing.assert_allclose(moved[:3], RATE, rtol=0.02)
        assert (moved[3:] == 0).all()
        assert (tower.arrays()["item/v"][3:] == 0).all()

    def test_a_step_without_values_leaves_the_padding_rows_alone(self) -> None:
        config = group_config(dropout=0.0, item_dropout=0.0).two_tower
        arrays = start_arrays(config, {"item": 3, "value": 2, "user_value": 1}, 1)
        tower = Tower(config, arrays, np.zeros((3, 1), np.int32), np.zeros((2, 1), np.int32), 1)
        tower.train(_batch(ALL))
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
        run = Run.open(snapshot, DAY_10, EMPTY, EMPTY)
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

    def test_hits_are_those_of_a_plain_count_over_what_was_taken(self, snapshot: Snapshot) -> None:
        """In blocks of 7, as in one. Items that nobody took are no rivals; a target that is not
        there hits nothing.
        """
        run = Run.open(snapshot, DAY_10, EMPTY, EMPTY)
        untaken = replace(run, events=run.events.where(run.events.item % 4 > 0))
        there = replace(untaken, existing=untaken.existing[untaken.existing != 1])
        examples = there.examples[:50]
        tower = there.tower(start_arrays(snapshot.config.two_tower, run.rows, 1))
        users = there.user_vectors(tower, examples)
        taken = np.array([item for item in range(40) if item % 4 > 0 and item != 1])
        assert there.taken.tolist() == taken.tolist()
        expected = []
        for user, target in zip(users, there.events.item[examples], strict=True):
            scores = tower.item_vectors(np.arange(40)) @ user
            others = [
                item for item in taken if item != target and scores[item] >= scores[target] - 1e-6
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

    def test_too_little_history(self, tmp_path: Path) -> None:
        events = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "ts": [5, 9]})
        with pytest.raises(NotEnoughData, match="none with an earlier one"):
            train_two_tower(
                make_snapshot(tmp_path, make_config(), "1970-01-02", events), date(1970, 1, 2)
            )

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


class TestChain:
    def test_cold_at_the_oldest_cutoff_then_warm(self, tmp_path: Path) -> None:
        snapshot = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-18", 14)
        versions = advance_chain(snapshot, [DAY_14, DAY_10, DAY_12], DAY_14)
        assert [v.learned_before for v in versions] == [DAY_10, DAY_12, DAY_14]
        assert [v.ledger["start"] for v in versions] == ["cold", "warm", "warm"]
        assert len({v.lineage for v in versions}) == 1
        again = advance_chain(snapshot, [DAY_12, date(2024, 10, 17)], DAY_14)
        # 10-17 is served by the version of 10-16; nothing is trained.
        assert [v.learned_before for v in again] == [DAY_12, DAY_12]
        lineage = versions[0].lineage
        assert versions_of(snapshot.lake, lineage) == [DAY_10, DAY_12, DAY_14]
        assert tower_at(snapshot.lake, lineage, date(2024, 10, 13)) is None
        assert current_lineage(snapshot.lake, snapshot.config, DAY_14) == lineage

    def test_a_corrected_day_trains_tonights_version_again_and_nothing_else(
        self, tmp_path: Path
    ) -> None:
        config = group_config(epochs=1)
        first = advance_chain(
            group_snapshot(tmp_path, config, "2024-10-18", 14), [DAY_12, DAY_14], DAY_14
        )
        same = advance_chain(
            group_snapshot(tmp_path, config, "2024-10-18", 14), [DAY_12, DAY_14], DAY_14
        )
        assert [v.artifact.reference for v in same] == [v.artifact.reference for v in first]
        corrected = group_snapshot(
            tmp_path, config, "2024-10-18", 13
        )  # the last day's rows were withdrawn
        again = advance_chain(corrected, [DAY_12, DAY_14], DAY_14)
        assert again[0].artifact.reference == first[0].artifact.reference
        assert again[1].artifact.reference != first[1].artifact.reference
        assert again[1].ledger["parent"] == first[0].artifact.key

    def test_an_old_lineage_and_an_earlier_cutoff_start_a_new_one(self, tmp_path: Path) -> None:
        snapshot = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-18", 14)
        first = advance_chain(snapshot, [DAY_12], DAY_14)[0]
        earlier = advance_chain(snapshot, [DAY_10, DAY_12], DAY_14)[0]
        assert earlier.lineage != first.lineage
        # Both have a version at DAY_12; the one that reaches further back is the night's.
        assert lineages_of(snapshot.lake, snapshot.config, DAY_14) == [
            earlier.lineage,
            first.lineage,
        ]
        # The first night reached 6 weeks back at most; 90 nights after it both are due for a cold
        # start.
        assert current_lineage(snapshot.lake, snapshot.config, date(2025, 2, 20)) == earlier.lineage
        assert current_lineage(snapshot.lake, snapshot.config, date(2025, 3, 5)) is None

    def test_where_much_is_new_a_version_is_trained_cold_in_its_lineage(
        self, tmp_path: Path
    ) -> None:
        # Of 14 days, 2 are new at DAY_14: a seventh of the events, more than a tenth and less than
        # a fifth.
        for share, start in ((0.1, "cold"), (0.2, "warm")):
            config = group_config(epochs=1, warm_start={"max_new_share": share})
            snapshot = group_snapshot(tmp_path / start, config, "2024-10-18", 14)
            first, second = advance_chain(snapshot, [DAY_12, DAY_14], DAY_14)
            assert (second.lineage, second.ledger["start"]) == (first.lineage, start)
            assert second.ledger["parent"] == first.artifact.key

    def test_a_version_below_its_floor_is_no_start_for_the_next(self, tmp_path: Path) -> None:
        snapshot = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-18", 14)
        first, failed = advance_chain(snapshot, [DAY_10, DAY_12], DAY_14)
        rewrite(failed.artifact, "ledger.json", '"refresh_ok": true', '"refresh_ok": false')
        assert serving_at(snapshot.lake, first.lineage, DAY_14) == first
        last = advance_chain(snapshot, [DAY_10, DAY_14], DAY_14)[-1]
        assert last.ledger["parent"] == first.artifact.key
        # Of 76 users that are not held back, four days' events, not the two since the version that
        # failed.
        assert last.ledger["examples"] > 1.5 * failed.ledger["examples"]

    def test_warm_nights_and_validation_may_be_set_anew_within_a_lineage(self) -> None:
        config = group_config()
        assert lineage_hash(config) == lineage_hash(group_config(warm_start={"refresh_floor": 0.5}))
        (kind,) = config.items.attributes
        stricter = config.items.model_copy(
            update={"attributes": (kind.model_copy(update={"required": True}),)}
        )
        assert lineage_hash(config) == lineage_hash(config.model_copy(update={"items": stricter}))

    def test_a_changed_model_starts_a_lineage_that_says_why_and_the_old_one_goes_on(
        self, tmp_path: Path
    ) -> None:
        before = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-16", 12)
        old = advance_chain(before, [DAY_10], DAY_12)[0]
        assert old.ledger["why"] == "the first version"
        changed = group_config(epochs=1, dimensions=8).model_copy(update={"users": UsersTable()})
        snapshot = group_snapshot(tmp_path, changed, "2024-10-18", 14)
        new = advance_chain(snapshot, [DAY_10], DAY_14)[0]
        assert (
            new.ledger["why"] == "settings have changed: dimensions 16 → 8; user attributes - town"
        )
        kept_up = keep_up(snapshot, old.lineage, DAY_14)
        assert (
            kept_up is not None
            and kept_up.ledger["start"] == "warm"
            and kept_up.ledger["parent"] == old.artifact.key
        )
        for version, dimensions in ((new, 8), (old, 16), (kept_up, 16)):
            made = embed(snapshot, version, Cutoffs.at(DAY_14))
            assert made.item_vectors.shape == (40, dimensions) and made.user_vectors.shape == (
                80,
                dimensions,
            )

    def test_an_attribute_of_another_kind_is_missing_for_the_version_before(
        self, tmp_path: Path
    ) -> None:
        before = group_snapshot(tmp_path, group_config(epochs=1), "2024-10-16", 12)
        old = advance_chain(before, [DAY_10], DAY_12)[0]
        numeric = ItemsTable(attributes=(Attribute(name="kind", kind="numeric"),))
        config = group_config(epochs=1).model_copy(update={"items": numeric})
        items = group_items().assign(kind=1.5)
        snapshot = make_snapshot(tmp_path, config, "2024-10-18", group_events(0, 14), items=items)
        assert snapshot_for(snapshot, old.artifact).items["kind"].isna().all()
        assert embed(snapshot, old, Cutoffs.at(DAY_14)).item_vectors.shape == (40, 16)

    def test_a_cold_control_is_kept_and_ends_a_lineage_that_lost(self, tmp_path: Path) -> None:
        config = group_config(
            epochs=2, warm_start={"control_every_nights": 3, "control_floor": 1.0}
        )
        with patch.object(warm_start, "MIN_HELD_BACK_ROWS", 1):
            chain = [
                advance_chain(group_snapshot(tmp_path, config, "2024-10-18", 14), [DAY_10], DAY_10)[
                    0
                ]
            ]
            for day in (DAY_12, DAY_14):
                snapshot = group_snapshot(
                    tmp_path, config, day.isoformat(), (day - date(2024, 10, 4)).days
                )
                chain += advance_chain(snapshot, [day], day)
        # Ages 0, 2 and 4 nights: the first multiple of three lies before the last.
        assert [v.ledger["recall_cold"] is not None for v in chain] == [False, False, True]
        assert all(v.ledger["control_ok"] for v in chain)
        rewrite(chain[-1].artifact, "ledger.json", '"control_ok": true', '"control_ok": false')
        lineage = chain[0].lineage
        # The night of the control goes on with what it has; the next one starts anew.
        assert lineages_of(snapshot.lake, config, DAY_14) == [lineage]
        assert lineages_of(snapshot.lake, config, date(2024, 10, 19)) == []
        why = why_cold(snapshot.lake, config, DAY_10, date(2024, 10, 19))
        assert why == f"{lineage} finds surely less than its cold control"

    def test_another_shape_is_another_lineage(self) -> None:
        assert lineage_hash(group_config()) != lineage_hash(group_config(dimensions=8))
        assert lineage_hash(group_config()) != lineage_hash(group_config(members=1))
        assert lineage_hash(group_config()) != lineage_hash(make_config())
