"""Candidates: the union, its rules, and a planted shop in which the withheld item must be found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from recsys_tasks.clock import DAY_SECONDS, Cutoffs, start_of
from recsys_tasks.retrieval.generators.candidates import (
    Candidates,
    CandidateSource,
    open_candidate_source,
    recall,
)
from recsys_tasks.retrieval.generators.fusion import Vote, fuse
from recsys_tasks.retrieval.generators.tables import build_generators
from recsys_tasks.schema import SOURCES
from tests.worlds import make_config, make_snapshot

CUTOFF = date(2026, 3, 1)
NOW = start_of(CUTOFF)
GROUPS, PER_GROUP = 6, 10
TOWER, COVISITED, OWN, POPULAR, TRENDING, FRESH = range(len(SOURCES))


@dataclass(frozen=True)
class Vectors:
    """Every user and item of a group shares its group's axis; user 0 has no vector."""

    item_keys: npt.NDArray[np.int32]
    item_vectors: npt.NDArray[np.float32]
    user_keys: npt.NDArray[np.int32]
    user_vectors: npt.NDArray[np.float32]

    def search(self, vectors: npt.NDArray[np.float32], k: int) -> tuple[Any, Any]:
        scores = vectors @ self.item_vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return self.item_keys[order], np.take_along_axis(scores, order, 1)


def checkerboard() -> pd.DataFrame:
    """User j of group g has every item of the group but the j-th, one a day."""
    rows = [
        (f"u{g}{j}", f"i{g}{i}", 2 + (i + j) % PER_GROUP)
        for g in range(GROUPS)
        for j in range(PER_GROUP)
        for i in range(PER_GROUP)
        if i != j
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "age"])
    return frame.assign(ts=NOW - frame.age * DAY_SECONDS)


def source(folder: Path, tower: bool = False, late: int = 0, **changes: Any) -> CandidateSource:
    config = make_config(**changes)
    rows = checkerboard()
    items = pd.DataFrame({"item_id": sorted(rows.item_id.unique())})
    items["available_from"] = NOW - 30 * DAY_SECONDS
    items.loc[len(items) - late :, "available_from"] = NOW
    snapshot = make_snapshot(folder, config, CUTOFF + timedelta(days=1), rows, items)
    cutoffs = Cutoffs.at(CUTOFF)
    groups = np.repeat(np.eye(GROUPS, dtype=np.float32), PER_GROUP, axis=0)
    keys = np.arange(GROUPS * PER_GROUP, dtype=np.int32)
    vectors = Vectors(keys, groups, keys[1:], groups[1:]) if tower else None
    return open_candidate_source(
        snapshot, cutoffs, build_generators(snapshot, cutoffs), vectors, vectors
    )


USERS = np.arange(GROUPS * PER_GROUP, dtype=np.int32)


def sold_out(folder: Path, as_of: date, **changes: Any) -> CandidateSource:
    """The shop with vectors as of the cutoff, asked on a night on which only the last group is
    left.
    """
    rows = checkerboard()
    items = pd.DataFrame({"item_id": sorted(rows.item_id.unique())})
    items["available_from"] = NOW - 20 * DAY_SECONDS
    items["available"] = items.index >= (GROUPS - 1) * PER_GROUP
    snapshot, cutoffs = (
        make_snapshot(folder, make_config(**changes), as_of, rows, items),
        Cutoffs.at(CUTOFF),
    )
    groups = np.repeat(np.eye(GROUPS, dtype=np.float32), PER_GROUP, axis=0)
    keys = np.arange(GROUPS * PER_GROUP, dtype=np.int32)
    vectors = Vectors(keys, groups, keys, groups)
    return open_candidate_source(
        snapshot, cutoffs, build_generators(snapshot, cutoffs), vectors, vectors
    )


def names(block: Candidates, row: int, generator: int) -> list[int]:
    """Items that a generator named for a row, by its rank."""
    there = np.flatnonzero(block.ranks[row, :, generator] >= 0)
    return block.items[row, there[np.argsort(block.ranks[row, there, generator])]].tolist()


def test_fusion_adds_votes_and_remembers_ranks() -> None:
    first = (np.array([[4, 7, -1]], np.int32), np.array([[3.0, 1.0, 0.0]], np.float32))
    second = (np.array([[7, 9]], np.int32), np.array([[5.0, 5.0]], np.float32))
    items, ranks, scores = fuse([first, second], [Vote(1.0, 2.0), Vote(0.5, 4.0)], 4)
    # 7: 1 / (1 + 1/2) + .5 = 1.17; 4: 1; 9: .5 / (1 + 1/4) = .4
    assert items.tolist() == [[7, 4, 9, -1]]
    assert ranks[0].tolist() == [[1, 0], [0, -1], [-1, 1], [-1, -1]]
    np.testing.assert_allclose(
        scores[0], [[-1, 0], [1, 0], [0, 0], [0, 0]]
    )  # mean 2, deviation 1; equal scores: 0


def test_a_score_votes_where_it_means_the_same_for_everyone() -> None:
    once_long_ago = (np.array([[4]], np.int32), np.array([[0.01]], np.float32))
    often = (np.array([[5]], np.int32), np.array([[4.0]], np.float32))
    others = (np.array([[7]], np.int32), np.array([[1.0]], np.float32))
    votes = [Vote(0.5, 80.0, sure=1.5, half_score=0.5), Vote(1.0, 80.0)]
    # Item 4: .5 + 1.5 * .01 / .51 = .53; item 5: .5 + 1.5 * 4 / 4.5 = 1.83; item 7: 1.
    assert fuse([once_long_ago, others], votes, 2)[0].tolist() == [[7, 4]]
    assert fuse([often, others], votes, 2)[0].tolist() == [[5, 7]]


def test_the_withheld_item_comes_first_when_repeats_are_forbidden(tmp_path: Path) -> None:
    block = source(tmp_path, repeat_consumption="forbid").block(USERS)
    for user in range(GROUPS * PER_GROUP):
        assert names(block, user, COVISITED) == [user]  # its group's only item that the user lacks
        assert names(block, user, OWN) == []
        mates = set(range(user // PER_GROUP * PER_GROUP, (user // PER_GROUP + 1) * PER_GROUP))
        assert not set(block.items[user].tolist()) & (mates - {user})


def test_repeats_after_some_days(tmp_path: Path) -> None:
    block = source(tmp_path, repeat_consumption={"after_days": 6}).block(USERS[:1])
    # user 0 has item i two + i days ago: items 5 to 9 are seven days old or more, item 4 six
    assert sorted(names(block, 0, OWN)) == [5, 6, 7, 8, 9]
    assert not set(block.items[0].tolist()) & {1, 2, 3, 4}


def test_own_items_come_by_decayed_count_when_repeats_are_allowed(tmp_path: Path) -> None:
    block = source(tmp_path).block(USERS[:1])
    assert names(block, 0, OWN) == [1, 2, 3, 4, 5, 6, 7, 8, 9]  # newest first


@pytest.mark.parametrize("policy", ["allow", "forbid"])
def test_places_are_not_lost_to_what_is_not_on_offer(tmp_path: Path, policy: str) -> None:
    few = {"two_tower": 60, "segment_popular": 10, "max_candidates": 10}
    block = sold_out(tmp_path, CUTOFF, repeat_consumption=policy, generators=few).block(USERS[:50])
    assert (
        np.sort(block.items, axis=1) == np.arange(50, 60)
    ).all()  # the ten that are left fill all ten places


def test_a_past_window_may_name_what_is_no_longer_on_offer(tmp_path: Path) -> None:
    block = sold_out(tmp_path, CUTOFF + timedelta(days=7)).block(USERS[:1])
    assert names(block, 0, OWN) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert set(names(block, 0, TOWER)) == set(names(block, 0, POPULAR)) == set(range(60))


@pytest.mark.parametrize("policy", ["allow", "forbid"])
def test_rows_are_well_formed(tmp_path: Path, policy: str) -> None:
    made = source(
        tmp_path, tower=True, late=5, repeat_consumption=policy, generators={"max_candidates": 12}
    )
    block = made.block(USERS)
    assert block.items.shape == (60, 12)
    assert block.ranks.shape == block.scores.shape == (60, 12, len(SOURCES))
    assert block.items.max() < 55  # the last five do not exist yet
    for row, ranks in zip(block.items, block.ranks, strict=True):
        present = row >= 0
        assert present.tolist() == sorted(present, reverse=True)
        assert len(set(row[present].tolist())) == present.sum()
        assert (ranks[present].max(axis=1) >= 0).all()
        assert (ranks[~present] == -1).all()


def test_the_tower_names_the_nearest_allowed_items(tmp_path: Path) -> None:
    made = source(tmp_path, tower=True, repeat_consumption="forbid", generators={"two_tower": 1})
    block = made.block(USERS)
    assert names(block, 0, TOWER) == []  # no vector
    assert [names(block, user, TOWER) for user in (1, 25)] == [[1], [25]]


def test_a_stranger_gets_what_is_popular(tmp_path: Path) -> None:
    made = source(tmp_path, tower=True)
    block = made.block(np.array([999], np.int32))
    assert names(block, 0, POPULAR)
    assert all(not names(block, 0, g) for g in (TOWER, COVISITED, OWN))


def test_a_block_is_its_users_one_by_one(tmp_path: Path) -> None:
    made = source(tmp_path, tower=True)
    whole = made.block(USERS)
    for user in (0, 17, 59):
        alone = made.block(USERS[user : user + 1])
        np.testing.assert_array_equal(alone.items[0], whole.items[user])
        np.testing.assert_array_equal(alone.ranks[0], whole.ranks[user])
        np.testing.assert_allclose(alone.scores[0], whole.scores[user], atol=1e-6)


def test_recall_by_generator_and_what_only_it_found() -> None:
    ranks = np.full((1, 3, len(SOURCES)), -1, np.int16)
    ranks[0, 0, [TOWER, POPULAR]], ranks[0, 1, COVISITED] = 0, 0
    block = Candidates(
        USERS[:1],
        np.array([[5, 8, -1]], np.int32),
        ranks,
        np.zeros((1, 3, len(SOURCES)), np.float32),
    )
    report = recall(block, np.array([0, 4]), np.array([5, 8, 1, 2], np.int32))
    assert report["union"]["recall"] == 0.5
    assert report["two_tower"] == {"recall": 0.25, "unique": 0.0}
    assert report["covisitation"] == {"recall": 0.25, "unique": 0.25}


def test_new_items_come_by_content_then_by_newness(tmp_path: Path) -> None:
    """The user has a red tea pot: new items share two words, one, none (twice: the newer of them
    first).
    """
    new = [
        ("both", "red tea", 20),
        ("red", "red jar", 9),
        ("jar", "blue jar", 8),
        ("lid", "blue lid", 1),
    ]
    old = [(f"old{n}", f"green{n}", 200) for n in range(20)]
    items = pd.DataFrame(
        [("owned", "red tea pot", 200), *new, *old], columns=["item_id", "words", "age"]
    )
    items["available_from"] = NOW - items.age * DAY_SECONDS
    config = make_config(items={"attributes": [{"name": "words", "kind": "text"}]})
    rows = pd.DataFrame({"user_id": ["u"], "item_id": ["owned"], "ts": [NOW - DAY_SECONDS]})
    snapshot = make_snapshot(
        tmp_path, config, CUTOFF + timedelta(days=1), rows, items.drop(columns="age")
    )
    cutoffs = Cutoffs.at(CUTOFF)
    opened = open_candidate_source(
        snapshot, cutoffs, build_generators(snapshot, cutoffs), None, None
    )
    named = names(opened.block(np.array([0], np.int32)), 0, FRESH)
    assert snapshot.items["item_id"].iloc[named].tolist() == ["both", "red", "lid", "jar"]
