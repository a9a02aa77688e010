"""Candidates: the union, its rules, and a planted shop in which the held-out item must be found."""

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
from recsys_tasks.retrieval.candidates.source import (
    Candidates,
    CandidateSource,
    open_candidate_source,
)
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.schema import generator_names
from tests.worlds import make_config, make_snapshot

CUTOFF = date(2026, 3, 1)
NOW = start_of(CUTOFF)
GROUPS, PER_GROUP = 6, 10
TOWER, COVISITED, OWN, POPULAR, TRENDING, FRESH = range(len(generator_names()))


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
    by_rank = there[np.argsort(block.ranks[row, there, generator])]
    named: list[int] = block.items[row, by_rank].tolist()
    return named


def test_the_held_out_item_comes_first_when_repeats_are_forbidden(tmp_path: Path) -> None:
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
    assert block.ranks.shape == block.scores.shape == (60, 12, len(generator_names()))
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


PINNED = {
    "allow": {
        0: {3: "- 1 2 3 0 -", 4: "- 3 3 4 1 -", 9: "- 2 8 9 3 -", 8: "- 7 7 8 2 -"},
        17: {13: "3 7 0 13 4 -", 14: "4 3 1 14 5 -", 18: "8 8 4 18 6 -", 19: "9 6 5 19 7 -"},
        59: {51: "1 4 0 51 - -", 52: "2 3 1 52 - -", 53: "3 1 2 53 - -", 50: "0 0 4 50 - -"},
    },
    "forbid": {
        0: {0: "- 0 - 0 18 -", 13: "- - - 4 0 -", 14: "- - - 5 1 -", 18: "- - - 9 2 -"},
        17: {17: "0 0 - 10 - -", 3: "4 - - 3 0 -", 4: "5 - - 4 1 -", 8: "9 - - 8 2 -"},
        59: {3: "3 - - 3 0 -", 4: "4 - - 4 1 -", 8: "8 - - 8 2 -", 9: "9 - - 9 3 -"},
    },
}
"""Policy → user → the first four candidates and the rank that each generator gave them."""


@pytest.mark.parametrize("policy", ["allow", "forbid"])
def test_lists_are_those_of_before_generators_were_an_extension_point(
    tmp_path: Path, policy: str
) -> None:
    made = source(
        tmp_path, tower=True, late=5, repeat_consumption=policy, generators={"max_candidates": 4}
    )
    users = np.array(list(PINNED[policy]), np.int32)
    block = made.block(users)
    found = {
        int(user): {
            int(item): " ".join("-" if rank < 0 else str(rank) for rank in of_item)
            for item, of_item in zip(items, ranks, strict=True)
        }
        for user, items, ranks in zip(users, block.items, block.ranks, strict=True)
    }
    assert found == PINNED[policy]
    assert [list(row) for row in found.values()] == [list(row) for row in PINNED[policy].values()]


def test_a_block_is_its_users_one_by_one(tmp_path: Path) -> None:
    made = source(tmp_path, tower=True)
    whole = made.block(USERS)
    for user in (0, 17, 59):
        alone = made.block(USERS[user : user + 1])
        np.testing.assert_array_equal(alone.items[0], whole.items[user])
        np.testing.assert_array_equal(alone.ranks[0], whole.ranks[user])
        np.testing.assert_allclose(alone.scores[0], whole.scores[user], atol=1e-6)


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
