from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.errors import LeakageError
from recsys_tasks.ranking.examples.build import (
    Examples,
    Window,
    build_examples,
    label_windows,
    windows_needed,
)
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A, user_parts
from tests.ranking.planted import CANDIDATES, RANKER, USERS, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def examples(world: World) -> Examples:
    return Examples.open(build_examples(world.snapshot, world.timeline, world.windows()))


def rows(examples: Examples) -> pd.DataFrame:
    names = ("user", "item", "group", "part", "weight")
    frame = pd.DataFrame({name: np.asarray(getattr(examples, name)) for name in names})
    return frame.assign(label=np.asarray(examples.labels[:, 0]))


def test_labels_are_what_users_did_in_the_window(world: World, examples: Examples) -> None:
    frame = rows(examples)
    window_rows = [w["rows"] for w in examples.facts["windows"]]
    frame["window"] = np.repeat(np.arange(len(window_rows)), window_rows)
    for w, (start, end) in enumerate(label_windows(world.timeline)):
        events = world.snapshot.events().between(start_of(start), start_of(end))
        truth = set(zip(events.user.tolist(), events.item.tolist(), strict=True))
        mine = frame[frame.window == w]
        assert [
            (u, i) in truth for u, i in zip(mine.user, mine.item, strict=True)
        ] == mine.label.tolist()
    assert frame.label.sum() == sum(w["positives"] for w in examples.facts["windows"]) > 300


def test_another_repeat_policy_makes_other_examples(world: World, examples: Examples) -> None:
    asked = replace(
        world.snapshot,
        config=world.snapshot.config.model_copy(update={"repeat_consumption": "forbid"}),
    )
    assert world.snapshot.config.repeat_consumption == "allow"
    again = build_examples(world.snapshot, world.timeline, world.windows())
    other = build_examples(asked, world.timeline, world.windows())
    assert Examples.open(again).facts == examples.facts
    assert other.reference != again.reference


def test_groups_are_whole_runs_of_one_user_and_window(examples: Examples) -> None:
    frame = rows(examples)
    assert (np.diff(frame.group) >= 0).all() and frame.group.max() == frame.group.nunique() - 1
    assert (frame.groupby("group").user.nunique() == 1).all()
    assert not frame.duplicated(["group", "item"]).any()


def test_negatives_are_sampled_and_weighed_back_to_the_whole_list(examples: Examples) -> None:
    frame = rows(examples)
    trains = frame[frame.part < CALIBRATION_A]
    assert (
        trains.groupby("group").label.agg(lambda y: (~y).sum()) == RANKER["negatives_per_user"]
    ).all()
    # Every list has 40 candidates, so each group's weights must sum to 40 again.
    np.testing.assert_allclose(trains.groupby("group").weight.sum(), CANDIDATES, rtol=1e-5)
    assert (trains[trains.label].weight == 1).all()


def test_calibration_users_keep_every_candidate_with_or_without_a_positive(
    examples: Examples,
) -> None:
    frame = rows(examples)
    held = frame[frame.part >= CALIBRATION_A]
    assert (held.groupby("group").size() == CANDIDATES).all() and (held.weight == 1).all()
    assert not held.groupby("group").label.any().all()
    assert frame[frame.part < CALIBRATION_A].groupby("user").part.nunique().max() == 1
    assert set(held.user).isdisjoint(frame[frame.part < CALIBRATION_A].user)


def test_rows_do_not_depend_on_block_size_and_a_rerun_is_a_no_op(
    world: World, examples: Examples, tmp_path: Path
) -> None:
    again = build_examples(world.snapshot, world.timeline, world.windows())
    assert again.content == build_examples(world.snapshot, world.timeline, world.windows()).content
    other = World(tmp_path, serving={"block_users": 37})
    small = Examples.open(build_examples(other.snapshot, other.timeline, other.windows()))
    pd.testing.assert_frame_equal(rows(small), rows(examples))
    np.testing.assert_allclose(
        small.X, examples.X, rtol=1e-5, atol=1e-6
    )  # matrix products round by their shape


def test_events_from_the_gate_cutoff_on_change_nothing(
    world: World, examples: Examples, tmp_path: Path
) -> None:
    """A leak canary: the labels end at E, so what happens afterwards cannot be seen in the
    examples.
    """
    other = World(tmp_path)
    late = [day for day in other.snapshot.parts if day >= other.timeline.gate_cutoff]
    kept = {day: ref for day, ref in other.snapshot.parts.items() if day not in late}
    assert late
    other.snapshot = replace(other.snapshot, instead={"parts": kept})
    blind = Examples.open(build_examples(other.snapshot, other.timeline, other.windows()))
    pd.testing.assert_frame_equal(rows(blind), rows(examples))


def test_leaking_windows_are_refused(world: World) -> None:
    window = world.windows()[0]
    day = timedelta(days=1)
    for leaking in (
        replace(window, label_end=window.label_end + day),
        replace(window, label_start=window.label_start - day),
        Window(world.inputs(window.label_start + day), window.label_start, window.label_end),
    ):
        with pytest.raises(LeakageError, match="gate cutoff"):
            build_examples(world.snapshot, world.timeline, [leaking])


def test_caps_on_users_hold_and_parts_are_stable(tmp_path: Path) -> None:
    world = World(tmp_path, ranker={**RANKER, "max_users": 50})
    examples = Examples.open(build_examples(world.snapshot, world.timeline, world.windows()))
    frame = rows(examples)
    assert (
        frame[frame.part < CALIBRATION_A].user.nunique() == 50
    )  # all of them in the newest window
    assert [window["users"] for window in examples.facts["windows"]] == [
        50 + 4,
        4,
        0,
    ]  # 50 · .3 / 4 calibrate in two
    few, many = (user_parts(np.arange(n, dtype=np.int32), 0.3, 1) for n in (100, USERS * 20))
    assert (few == many[:100]).all()
    np.testing.assert_allclose(np.bincount(many) / len(many), [0.35, 0.35, 0.15, 0.15], atol=0.02)


def test_only_as_many_windows_as_the_users_fill(tmp_path: Path) -> None:
    """Of 300 users, some 200 act in a week: 50 and 150 need one window, 400 two or three, 10,000
    all three.
    """
    needed = {}
    for wanted in (50, 150, 400, 10_000):
        world = World(tmp_path / str(wanted), ranker={**RANKER, "max_users": wanted})
        needed[wanted] = windows_needed(world.snapshot, world.timeline)
        newest = world.timeline.newest(needed[wanted])
        assert newest.label_cutoffs == world.timeline.label_cutoffs[: needed[wanted]]
    assert needed[50] == needed[150] == 1 < needed[400] <= needed[10_000] == 3
