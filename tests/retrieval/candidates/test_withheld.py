"""What is kept from a user takes none of the user's places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.retrieval.candidates.source import CandidateSource, open_candidate_source
from recsys_tasks.retrieval.candidates.tables import build_generators
from tests.retrieval.candidates.test_source import (
    CUTOFF,
    GROUPS,
    NOW,
    PER_GROUP,
    USERS,
    Vectors,
    checkerboard,
)
from tests.worlds import make_config, make_snapshot

BANNED = 45
"""Items 0 to 44, all but the last fifteen, are banned by user 0; user 1 bans one item."""


def turned_away(folder: Path, **changes: Any) -> CandidateSource:
    rows = checkerboard().assign(event="purchase")
    ids = sorted(rows.item_id.unique())
    dislikes = pd.DataFrame({"user_id": "u00", "item_id": ids[:BANNED], "ts": NOW - 60})
    one = pd.DataFrame({"user_id": ["u01"], "item_id": [ids[7]], "ts": [NOW - 60]})
    rows = pd.concat([rows, pd.concat([dislikes, one]).assign(event="dislike")])
    events = {"negatives": [{"name": "dislike", "takes_back": "nothing"}]}
    snapshot = make_snapshot(folder, make_config(events=events, **changes), CUTOFF, rows)
    cutoffs = Cutoffs.at(CUTOFF)
    groups = np.repeat(np.eye(GROUPS, dtype=np.float32), PER_GROUP, axis=0)
    vectors = Vectors(USERS, groups, USERS, groups)
    return open_candidate_source(
        snapshot, cutoffs, build_generators(snapshot, cutoffs), vectors, vectors
    )


@pytest.mark.parametrize("policy", ["allow", "forbid"])
def test_a_user_who_banned_most_items_has_as_many_candidates_as_others(
    tmp_path: Path, policy: str
) -> None:
    quotas = {"two_tower": 10, "segment_popular": 10, "covisitation": 10, "max_candidates": 12}
    source = turned_away(tmp_path, repeat_consumption=policy, generators=quotas)
    items = source.block(USERS).items
    assert (items[:3] >= 0).all()
    assert items[0].min() >= BANNED
    assert len(set(items[0].tolist())) == 12
    assert 7 not in items[1]


def test_the_lists_of_others_are_the_same(tmp_path: Path) -> None:
    """Whether somebody in the block bans items changes nothing for those who do not."""
    source = turned_away(tmp_path)
    together, alone = source.block(USERS), source.block(USERS[5:9])
    assert np.array_equal(together.items[5:9], alone.items)
    assert np.array_equal(together.ranks[5:9], alone.ranks)


def by_language(folder: Path, **rule: Any) -> CandidateSource:
    """Items 0 to 44, the popular ones, are Dutch, 45 to 56 French, the last three of no language;
    user 0 speaks French, user 1 both, user 2 has no value, the others speak Dutch.
    """
    rows = checkerboard()
    ids = sorted(rows.item_id.unique())
    language = ["nl"] * 45 + ["fr"] * 12 + [None] * 3
    items = pd.DataFrame({"item_id": ids, "language": language, "available_from": NOW - 9_999_999})
    speaks = ["fr", "fr|nl", None, *["nl"] * (len(USERS) - 3)]
    users = pd.DataFrame({"user_id": sorted(rows.user_id.unique()), "speaks": speaks})
    config = make_config(
        users={"attributes": [{"name": "speaks", "kind": "multi"}]},
        items={"attributes": [{"name": "language", "kind": "categorical"}]},
        eligibility={"rules": [{"item": "language", "must": "match", "user": "speaks", **rule}]},
        generators={"two_tower": 12, "segment_popular": 12, "max_candidates": 15},
    )
    snapshot = make_snapshot(folder, config, CUTOFF, rows, items, users)
    cutoffs = Cutoffs.at(CUTOFF)
    groups = np.repeat(np.eye(GROUPS, dtype=np.float32), PER_GROUP, axis=0)
    vectors = Vectors(USERS, groups, USERS, groups)
    return open_candidate_source(
        snapshot, cutoffs, build_generators(snapshot, cutoffs), vectors, vectors
    )


def test_a_rule_by_user_holds_for_every_candidate_and_leaves_full_lists(tmp_path: Path) -> None:
    source = by_language(tmp_path)
    block = source.block(USERS)
    french, both, unknown, dutch = (set(block.items[row].tolist()) for row in (0, 1, 2, 9))
    assert french == set(range(45, 60))  # all fifteen that there are
    assert len(both) == 15
    assert min(both) >= 0
    assert unknown == {57, 58, 59, -1}
    assert dutch < set(range(45)) | {57, 58, 59}
    assert len(dutch) == 15
    # the tower finds its own for the French user, too, though all her neighbours are Dutch
    assert (block.ranks[0, :, 0] >= 0).any()


def test_a_value_can_be_assumed_of_users_without_one(tmp_path: Path) -> None:
    block = by_language(tmp_path, otherwise="fr").block(USERS)
    assert set(block.items[2].tolist()) == set(range(45, 60))
