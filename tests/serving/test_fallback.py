from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from recsys_tasks.clock import DAY_SECONDS, Cutoffs, parse_day, start_of
from recsys_tasks.features.segments import every_segment
from recsys_tasks.ids import Keys
from recsys_tasks.serving.fallback import Aging, fallback_lists, popularity
from recsys_tasks.serving.similar import similar_items
from recsys_tasks.snapshot.events import Events
from tests.worlds import make_config, make_snapshot

AS_OF = parse_day("2026-03-31")
CUTOFF = start_of(AS_OF)
CONFIG = make_config(
    users={"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
    serving={"k": 2, "spares": 1},
)


def events(rows: list[tuple[int, int, float, float]]) -> Events:
    """(user, item, days before the cutoff, weight)."""
    user, item, age, weight = (np.array(column) for column in zip(*rows, strict=True))
    empty = np.full(len(rows), np.nan, np.float32)
    ts = (CUTOFF - age * DAY_SECONDS).astype(np.int64)
    code = np.zeros(len(rows), np.int8)
    return Events(
        user.astype(np.int32),
        item.astype(np.int32),
        ts,
        code,
        weight.astype(np.float32),
        empty,
        empty,
    )


def test_popularity_counts_a_user_once_with_the_best_event() -> None:
    # item 0: user 0 three times (best 1 × ½^(0/14) = 1), item 1: users 1 and 2, 14 and 28 days old:
    # ½ + ¼, item 2: user 1, weight 5, 28 days: 5/4
    found = popularity(
        events(
            [(0, 0, 0, 1), (0, 0, 1, 1), (0, 0, 2, 1), (1, 1, 14, 1), (2, 1, 28, 1), (1, 2, 28, 5)]
        ),
        np.zeros(3, np.int32),
        np.ones(3, bool),
        Aging(CUTOFF, 14.0),
        size=10,
    )
    items, scores = found[0]
    assert items.tolist() == [2, 0, 1]
    assert scores.tolist() == pytest.approx([1.0, 1 / 1.25, 0.75 / 1.25])


def test_popularity_by_segment_drops_users_without_one_and_items_not_eligible() -> None:
    rows = events([(0, 0, 1, 1), (1, 1, 1, 1), (1, 0, 1, 1), (2, 2, 1, 1), (0, 3, 1, 1)])
    found = popularity(
        rows,
        np.array([0, 1, -1], np.int32),
        np.array([True, True, True, False]),
        Aging(CUTOFF, 14.0),
        size=1,
    )
    assert {code: items.tolist() for code, (items, _) in found.items()} == {
        0: [0],
        1: [0],
    }  # a tie: the smaller key


def test_segments_are_named_in_order_and_missing_ones_have_none() -> None:
    users = pd.DataFrame({"country": ["nl", None, "be", "nl"]})
    codes, names = every_segment(users, "country")
    assert codes.tolist() == [1, -1, 0, 1] and names == ["be", "nl"]
    assert every_segment(users, None)[0].tolist() == [-1] * 4


def test_lists_of_a_night_hold_only_what_exists_and_is_available(tmp_path: Path) -> None:
    rows = [
        ("u1", "old", CUTOFF - 60 * DAY_SECONDS),  # outside the 28 days
        ("u1", "a", CUTOFF - 2 * DAY_SECONDS),
        ("u2", "a", CUTOFF - 2 * DAY_SECONDS),
        ("u2", "b", CUTOFF - DAY_SECONDS),
        ("u2", "gone", CUTOFF - DAY_SECONDS),
        ("u3", "b", CUTOFF + 5),  # not before the cutoff
    ]
    items = pd.DataFrame(
        {
            "item_id": ["a", "b", "gone", "old", "tomorrow"],
            "available": [True, True, False, True, True],
            "available_from": [0, 0, 0, 0, CUTOFF],
        }
    )
    users = pd.DataFrame({"user_id": ["u1", "u2", "u3"], "country": ["nl", "be", None]})
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "ts"])
    snapshot = make_snapshot(tmp_path, CONFIG, AS_OF, frame, items, users)
    table = fallback_lists(snapshot, CONFIG, Cutoffs.at(AS_OF))
    found = {
        row["segment"]: snapshot.items["item_id"][row["items"]].tolist()
        for row in table.to_pylist()
    }
    # be: b is a day newer than a; everyone: two users for a; then the older favourite
    assert found == {"": ["a", "b", "old"], "be": ["b", "a"], "nl": ["a"]}
    assert table["scores"][0].as_py()[0] == 1.0 and table["scores"][0].as_py()[-1] == 0.0


@pytest.mark.parametrize(("known", "everyone"), [(True, ["b"]), (False, ["a", "b"])])
def test_lists_of_a_past_cutoff_know_nothing_of_tonight(
    tmp_path: Path, known: bool, everyone: list[str]
) -> None:
    """On the cutoff's night a was sold out and b on offer; tonight it is the other way round."""
    config = make_config(serving={"k": 2, "spares": 0})
    rows = [("u", "a", CUTOFF - 2), ("v", "a", CUTOFF - 2), ("u", "b", CUTOFF - 1)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "ts"])
    items = pd.DataFrame({"item_id": ["a", "b"], "available_from": 0})
    if known:
        make_snapshot(tmp_path, config, AS_OF, frame, items.assign(available=[False, True]))
    tonight = make_snapshot(
        tmp_path, config, "2026-04-07", frame, items.assign(available=[True, False])
    )
    table = fallback_lists(tonight, config, Cutoffs.at(AS_OF))
    assert tonight.items["item_id"][table["items"][0].as_py()].tolist() == everyone


def test_in_a_shop_whose_items_live_for_days_events_age_in_days(tmp_path: Path) -> None:
    """Ten new items a day, each read on its first day alone: yesterday's come first."""
    rows = [
        (f"u{user}", f"d{day}-{user % 10}", CUTOFF - day * DAY_SECONDS - user)
        for day in range(60)
        for user in range(30)
    ]
    rows += [(f"u{user}", "old", CUTOFF - 5 * DAY_SECONDS) for user in range(25)]
    config = make_config(serving={"k": 10, "spares": 0})
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "ts"])
    snapshot = make_snapshot(tmp_path, config, AS_OF, frame)
    table = fallback_lists(snapshot, config, Cutoffs.at(AS_OF))
    found = snapshot.items["item_id"][table["items"][0].as_py()].tolist()
    assert {item.split("-")[0] for item in found} == {"d0"}


def test_a_shop_without_segments_has_one_list(tmp_path: Path) -> None:
    config = make_config(serving={"k": 2, "spares": 1})
    frame = pd.DataFrame([("u", "x", CUTOFF - 1)], columns=["user_id", "item_id", "ts"])
    table = fallback_lists(make_snapshot(tmp_path, config, AS_OF, frame), config, Cutoffs.at(AS_OF))
    assert table.to_pylist() == [{"segment": "", "items": [0], "scores": [1.0]}]


def test_similar_items_are_the_nearest_by_cosine() -> None:
    keys = np.array([0, 2, 3, 5], np.int32)
    vectors = np.array([[1, 0], [10, 0], [0, 1], [1, 1]], np.float32)
    eligible = np.array([True, True, True, False, True, True])  # 3 is asked about, but not named
    rows = similar_items(keys, vectors, eligible, size=2).to_pylist()
    assert [row["item_key"] for row in rows] == keys.tolist()
    # cos(0, 2) = 1, cos(0, 5) = cos(2, 5) = cos(3, 5) = 1/√2, cos(3, 0) = cos(3, 2) = 0; a tie goes
    # to the smaller key
    assert [row["items"] for row in rows] == [[2, 5], [0, 5], [5, 0], [0, 2]]
    assert rows[0]["scores"] == pytest.approx([1.0, 0.70710678], abs=1e-6)


@pytest.mark.parametrize("exact_up_to", [2, 200])
def test_an_item_that_nobody_knows_is_like_no_other(
    exact_up_to: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Index:
        def search(
            self, vectors: npt.NDArray[np.float32], k: int
        ) -> tuple[Keys, npt.NDArray[np.float32]]:
            scores = vectors @ known.T
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            return np.array([0, 2, 3], np.int32)[order], np.take_along_axis(scores, order, axis=1)

    monkeypatch.setattr("recsys_tasks.serving.similar.EXACT_UP_TO", exact_up_to)
    vectors = np.array([[1, 0], [0, 0], [0, 2], [-3, 0]], np.float32)
    known = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)  # 0, 2 and 3, of unit length
    rows = similar_items(
        np.arange(4, dtype=np.int32), vectors, np.ones(4, bool), 3, Index()
    ).to_pylist()
    # cos(0, 2) = 0, cos(0, 3) = -1, cos(2, 3) = 0; item 1 would have had 0 with each
    assert {row["item_key"]: row["items"] for row in rows} == {0: [2, 3], 2: [0, 3], 3: [2, 0]}
    assert rows[0]["scores"] == [0.0, -1.0]


def test_similar_items_agree_with_a_plain_sort_over_many_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recsys_tasks.serving.similar.BLOCK_FLOATS", 1000)
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    keys = np.arange(300, dtype=np.int32)
    table = similar_items(keys, vectors, np.ones(300, bool), size=10)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -2)
    assert table["items"].to_pylist() == np.argsort(-similarity, axis=1)[:, :10].tolist()


@pytest.mark.parametrize("eligible_share", [1.0, 0.9])
def test_equal_vectors_are_named_by_key_also_among_many(eligible_share: float) -> None:
    rng = np.random.default_rng(1)
    vectors = np.eye(3, dtype=np.float32)[
        rng.integers(0, 3, 700)
    ]  # three directions: hundreds of equals each
    keys, eligible = np.arange(700, dtype=np.int32), rng.random(700) < eligible_share
    found = similar_items(keys, vectors, eligible, size=2, threads=2)["items"].to_pylist()
    for key in range(700):
        equals = np.flatnonzero((vectors @ vectors[key] == 1) & eligible & (keys != key))
        assert found[key] == equals[:2].tolist()


def test_groups_of_columns_agree_with_a_plain_sort() -> None:
    """1500 columns make 23 groups of 64 and a rest of 28, of which five places name few."""
    vectors = np.random.default_rng(2).normal(size=(1500, 4)).astype(np.float32).round(1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = similar_items(np.arange(1500, dtype=np.int32), vectors, np.ones(1500, bool), size=5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -2)
    best = np.sort(similarity, axis=1)[:, ::-1][:, :5]
    assert np.array(table["scores"].to_pylist()) == pytest.approx(best.clip(-1, 1), abs=1e-6)


def test_a_large_catalogue_asks_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    class Index:
        """Names the items after each asked one, the item itself first, and finds nothing more at
        the end.
        """

        asked: ClassVar[list[int]] = []

        def search(
            self, vectors: npt.NDArray[np.float32], k: int
        ) -> tuple[Keys, npt.NDArray[np.float32]]:
            self.asked.append(k)
            assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
            keys = np.arange(len(vectors))[:, None] + np.arange(k)
            scores = np.broadcast_to(1.5 - 0.1 * np.arange(k), keys.shape).astype(np.float32)
            return np.where(keys < 4, keys, -1).astype(np.int32), scores

    vectors, keys = np.full((4, 2), 3, np.float32), np.arange(4, dtype=np.int32)
    eligible = np.array([True, True, False, True])
    assert similar_items(keys, vectors, eligible, 1, Index())["items"].to_pylist() == [
        [1],
        [0],
        [0],
        [0],
    ]  # few: exact
    monkeypatch.setattr("recsys_tasks.serving.similar.EXACT_UP_TO", 3)
    rows = similar_items(keys, vectors, eligible, 1, Index()).to_pylist()
    assert Index.asked == [3]  # twice as many and itself
    assert [row["items"] for row in rows] == [[1], [3], [3], []]  # 2 is not eligible
    assert [row["scores"] for row in rows] == [[1.0], [pytest.approx(1.0)], [1.0], []]


def test_one_item_has_no_neighbours() -> None:
    assert (
        similar_items(
            np.array([0], np.int32), np.ones((1, 2), np.float32), np.ones(1, bool), 5
        ).num_rows
        == 0
    )
