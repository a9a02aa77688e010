from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.retrieval.tower import warm_start
from recsys_tasks.retrieval.tower.lineage import TowerVersion, train_two_tower
from recsys_tasks.retrieval.tower.training_run import TrainingRun
from recsys_tasks.retrieval.tower.versions import TowerState
from recsys_tasks.retrieval.tower.warm_start import (
    carry_over,
    finished,
    init_second_moments,
    split_examples,
)
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower_world import PER_GROUP, USERS, group_config, group_snapshot

OLD, NEW = date(2024, 10, 14), date(2024, 10, 16)
CONFIG = group_config(
    warm_start={"min_examples": 64, "replay_ratio": 1.0, "accumulator_half_life_days": 2}
)
ARRIVALS = [("new", 2), ("odd", 9)]


class ThreeIsGone(TrainingRun):
    """Item 3 has no event and is not offered: nothing says that it is still there."""

    def last_seen(self, snapshot: Snapshot, before: np.ndarray) -> np.ndarray:
        seen = super().last_seen(snapshot, before)
        seen[3] = before[3]
        return seen


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Two items arrive after OLD: "new" (key 40) of kind 2, "odd" (key 41) of a kind never seen."""
    late = pd.DataFrame(
        {
            "user_id": ["u02", "u06", "u10", "u00"],
            "item_id": ["new", "new", "new", "odd"],
            "ts": start_of(OLD) + DAY_SECONDS + 80_000,
        }
    )
    return group_snapshot(tmp_path_factory.mktemp("lake"), CONFIG, "2024-10-16", 12, ARRIVALS, late)


@pytest.fixture(scope="module")
def parent(snapshot: Snapshot) -> TowerVersion:
    return train_two_tower(snapshot, OLD)


@pytest.fixture(scope="module")
def child(snapshot: Snapshot, parent: TowerVersion) -> TowerVersion:
    return train_two_tower(snapshot, NEW, parent)


@pytest.fixture
def run(snapshot: Snapshot, parent: TowerVersion) -> TrainingRun:
    state = TowerState.load(parent.artifact)
    return TrainingRun.open(snapshot, NEW, state.items, state.users)


def test_kept_ids_carry_over_and_moments_decay(
    snapshot: Snapshot, parent: TowerVersion, run: TrainingRun
) -> None:
    old = TowerState.load(parent.artifact)
    carried, _ = carry_over(TowerState.load(parent.artifact), run, snapshot, days=2)
    assert np.array_equal(carried.arrays["item"][:40], old.arrays["item"][:40])
    # Two days at a half-life of two days: half.
    np.testing.assert_allclose(carried.arrays["item/v"], old.arrays["item/v"] / 2, rtol=1e-6)
    np.testing.assert_allclose(carried.arrays["w1/v"], old.arrays["w1/v"] / 2, rtol=1e-6)
    assert np.array_equal(carried.arrays["w1"], old.arrays["w1"])


def test_new_ids_start_among_their_neighbours(
    snapshot: Snapshot, parent: TowerVersion, run: TrainingRun
) -> None:
    old = TowerState.load(parent.artifact)
    carried, _ = carry_over(TowerState.load(parent.artifact), run, snapshot, days=2)
    of_kind = old.arrays["item"][2 * PER_GROUP : 3 * PER_GROUP]
    np.testing.assert_allclose(carried.arrays["item"][40], of_kind.mean(0), atol=1e-5)
    assert 0 < np.abs(carried.arrays["item"][41]).max() < 0.5  # no neighbour: small and random
    assert carried.items.tokens == (*old.items.tokens, "kind=k9")
    assert np.array_equal(carried.arrays["value"][: old.items.rows], old.arrays["value"])


def test_drift_is_the_mean_cosine_distance_of_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = np.array([[1, 0], [2, 0], [0, 1], [9, 9]], np.float32)
    after = np.array([[3, 0], [0, 1], [0, -1], [0, 0]], np.float32)
    # Row 0 got longer: 0; row 1 turned by a right angle: 1; row 2 right round: 2. Row 3 is not
    # asked for.
    assert warm_start.drift(before, after, np.array([0, 1, 2])) == pytest.approx(1.0)
    monkeypatch.setattr(warm_start, "BLOCK", 2)
    assert warm_start.drift(before, after, np.array([0, 1, 2])) == pytest.approx(1.0)
    assert warm_start.drift(before, after, np.empty(0, np.int64)) == 0.0


def test_an_id_that_nobody_took_has_no_vector(snapshot: Snapshot, parent: TowerVersion) -> None:
    """Of two new items with the same content, the one without an event has nothing that could move
    it.
    """
    state = TowerState.load(parent.artifact)
    run = TrainingRun.open(snapshot, NEW, state.items, state.users)
    nobody = replace(run, events=run.events.where(run.events.item != 40))
    carried, _ = carry_over(state, nobody, snapshot, days=2)
    assert not carried.arrays["item"][40].any()
    assert carried.arrays["item"][41].any()


def test_new_rows_step_no_further_than_the_others(
    snapshot: Snapshot, parent: TowerVersion, run: TrainingRun
) -> None:
    carried, _ = carry_over(TowerState.load(parent.artifact), run, snapshot, days=2)
    second, before = carried.arrays["item/v"], carried.arrays["item/v"].copy()
    assert not second[40:].any()
    borrowed = init_second_moments(carried.arrays)
    assert borrowed["item"].tolist() == [False] * 40 + [True] * 2
    np.testing.assert_array_equal(second[:40], before[:40])
    np.testing.assert_allclose(second[40:], np.tile(before[:40].mean(0), (2, 1)), rtol=1e-5)


def test_a_row_that_no_example_touched_stays_unknown(
    snapshot: Snapshot, parent: TowerVersion, run: TrainingRun
) -> None:
    carried, _ = carry_over(TowerState.load(parent.artifact), run, snapshot, days=2)
    borrowed = init_second_moments(carried.arrays)
    carried.arrays["item/m"][41] = 0.1  # training has touched "odd", and not "new"
    state = finished(carried, carried.arrays, borrowed)
    assert state.known.tolist() == [True] * 40 + [False, True]
    assert not state.arrays["item"][40].any()
    assert not state.arrays["item/v"][40].any()


def test_only_new_rows_and_a_replay_sample_are_trained_on(run: TrainingRun) -> None:
    fresh, held, replayed = split_examples(run, OLD)
    # Two days of one event a user, and four late rows.
    assert len(fresh) + len(held) == 2 * USERS + 4
    assert len(replayed) == len(fresh)
    assert run.events.ts[fresh].min() >= start_of(OLD) > run.events.ts[replayed].max()
    assert not set(run.events.user[fresh]) & set(run.events.user[held])


def test_replay_fills_up_to_the_minimum(run: TrainingRun) -> None:
    warm = run.config.two_tower.warm_start.model_copy(update={"min_examples": 500})
    tower = run.config.two_tower.model_copy(update={"warm_start": warm})
    fresh, _, replayed = split_examples(
        replace(run, config=run.config.model_copy(update={"two_tower": tower})), OLD
    )
    assert len(fresh) + len(replayed) == 500


def test_the_replay_is_of_what_a_cold_training_reads(run: TrainingRun) -> None:
    warm = run.config.two_tower.warm_start.model_copy(update={"min_examples": 5000})
    tower = run.config.two_tower.model_copy(update={"warm_start": warm, "examples_per_user": 3})
    _, _, replayed = split_examples(
        replace(run, config=run.config.model_copy(update={"two_tower": tower})), OLD
    )
    # Ten days of one event a user, of which nine have a history: the newest three of each.
    assert len(replayed) == 3 * USERS
    assert run.events.ts[replayed].min() >= start_of(OLD) - 3 * DAY_SECONDS


def test_young_items_are_replayed_every_night(run: TrainingRun) -> None:
    # "new" and "odd" came a day before NEW. Of the next day, everything that is known of them is
    # old: four rows.
    def replayed(**settings: float) -> tuple[list[int], list[int]]:
        changed = run.config.two_tower.warm_start.model_copy(
            update={"replay_ratio": 0.0, "min_examples": 1, **settings}
        )
        tower = run.config.two_tower.model_copy(update={"warm_start": changed})
        config = run.config.model_copy(update={"two_tower": tower})
        _, _, found = split_examples(replace(run, config=config), NEW)
        return run.events.item[found].tolist(), found.tolist()

    items, rows = replayed(min_examples=60, young_item_days=5, young_replays=1.0)
    assert [items.count(key) for key in (40, 41)] == [3, 1]
    assert len(set(rows)) == len(rows)  # none twice, whichever of them the other replay drew
    assert 60 <= len(rows) <= 64
    items, _ = replayed(min_examples=60, young_item_days=5, young_replays=2.0)
    assert [items.count(key) for key in (40, 41)] == [
        6,
        2,
    ]  # what the other replay drew counts as one of two
    assert max(items.count(key) for key in range(40)) < 6
    # Each of the four once, and about half of them once more.
    items, _ = replayed(min_examples=60, young_item_days=5, young_replays=1.5)
    assert 4 <= items.count(40) + items.count(41) <= 8
    # Never more than the other replay, and none where no item is young.
    assert len(replayed(min_examples=2, young_item_days=5, young_replays=2.0)[0]) <= 4
    assert len(replayed(min_examples=60, young_item_days=0)[0]) == 60


def test_ledger(child: TowerVersion, parent: TowerVersion) -> None:
    ledger = child.ledger
    assert (child.lineage, ledger["start"], ledger["parent"]) == (
        parent.lineage,
        "warm",
        parent.artifact.key,
    )
    assert ledger["kept"] == 40
    assert ledger["new"] in (1, 2)  # "odd" has one row, which may be a held-out user's
    assert ledger["archived"] == ledger["returned"] == 0
    assert 0 < ledger["drift"] < 0.2
    assert 0 <= ledger["recall_before"] <= ledger["recall_after"] <= 1
    assert ledger["refresh_ok"] is True
    assert ledger["seconds"] > 0


def test_an_identical_version_is_not_trained_again(
    snapshot: Snapshot, parent: TowerVersion, child: TowerVersion
) -> None:
    assert train_two_tower(snapshot, NEW, parent).artifact.version == child.artifact.version


def test_ids_leave_for_the_archive_and_return(
    snapshot: Snapshot, parent: TowerVersion, run: TrainingRun
) -> None:
    old = TowerState.load(parent.artifact)
    gone = old.last_seen.copy()
    gone[3] -= 400
    absent = ThreeIsGone(**{name: getattr(run, name) for name in run.__dataclass_fields__})
    going = replace(TowerState.load(parent.artifact), last_seen=gone)
    carried, moved = carry_over(going, absent, snapshot, days=2)
    assert moved == {"archived": 1, "returned": 0}
    assert carried.archive.keys.tolist() == [3]
    assert not carried.known[3]
    back, moved = carry_over(carried, run, snapshot, days=0)
    assert moved == {"archived": 0, "returned": 1}
    np.testing.assert_array_equal(back.arrays["item"][3], old.arrays["item"][3])
    assert len(back.archive.keys) == 0


def test_a_day_without_rows_still_makes_a_version(tmp_path: Path) -> None:
    quiet = group_snapshot(tmp_path, CONFIG, "2024-10-16", 10)
    child = train_two_tower(quiet, NEW, train_two_tower(quiet, OLD))
    assert child.ledger["examples"] == 0
    assert child.ledger["drift"] == pytest.approx(0.0, abs=1e-6)
    assert child.ledger["refresh_ok"] is True
