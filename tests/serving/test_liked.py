"""What users of the same taste also liked, counted by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.arrays import Bool, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.serving import liked
from tests.serving.test_bought import nothing_forbidden, purchases

EVERY = np.ones(4, bool)


def test_a_group_is_shown_what_it_has_more_often_than_everyone() -> None:
    """Group 0: users 0 to 5, of whom 0 to 4 had item 1 and all had item 0. Group 1: users 6 to 11,
    all had item 0, five had item 2. Item 0's lift is 1 in both, so it is not listed. Item 1 is had
    by 5 of 6, of everyone by 5 of 12: lift 2. Only user 5 of group 0 lacks it, and user 11 item 2.
    """
    rows = [(user, 0, 7) for user in range(12)]
    rows += [(user, 1, 7) for user in range(5)] + [(user, 2, 7) for user in range(6, 11)]
    users, groups = np.arange(12, dtype=np.int32), np.repeat([0, 1], 6)
    asked = purchases(*rows)
    found = liked.also_liked(users, groups, asked, EVERY, nothing_forbidden, 3).to_pylist()
    one = {"likers": [5], "lifts": [2.0]}
    assert found == [{"user_key": 5, "items": [1], **one}, {"user_key": 11, "items": [2], **one}]
    sold_out = np.array([True, False, True, True])
    found = liked.also_liked(users, groups, asked, sold_out, nothing_forbidden, 3).to_pylist()
    assert [row["user_key"] for row in found] == [11]
    found = liked.also_liked(
        users, groups, asked, EVERY, lambda u, items: (u == 11)[:, None] & (items >= 0), 3
    ).to_pylist()
    assert [row["user_key"] for row in found] == [5]
    fewer = purchases(*[row for row in rows if row != (4, 1, 7)])  # four are too few
    found = liked.also_liked(users, groups, fewer, EVERY, nothing_forbidden, 3).to_pylist()
    assert [row["user_key"] for row in found] == [11]


def test_a_shop_without_vectors_or_events_has_none() -> None:
    users, nowhere = np.arange(3, dtype=np.int32), np.full(3, -1)
    assert (liked.taste_groups(np.zeros((3, 4), np.float32)) == -1).all()
    found = liked.also_liked(users, nowhere, purchases((0, 0, 1)), EVERY, nothing_forbidden, 3)
    assert found.num_rows == 0
    empty = purchases((0, 0, 1)).of_kinds([1])
    found = liked.also_liked(users, np.zeros(3, np.int64), empty, EVERY, nothing_forbidden, 3)
    assert found.num_rows == 0


def test_groups_are_of_one_direction_and_the_same_again() -> None:
    """Two bundles of directions, 150 users each: two or three groups, none with users of both."""
    rng = np.random.default_rng(5)
    noise = rng.normal(scale=0.05, size=(300, 3)).astype(np.float32)
    vectors = noise + np.repeat(np.eye(3, dtype=np.float32)[:2], 150, axis=0)
    vectors *= rng.uniform(0.5, 4, size=(300, 1)).astype(np.float32)
    groups = liked.taste_groups(vectors)
    assert not set(groups[:150]) & set(groups[150:]) and groups.min() == 0
    assert (groups == liked.taste_groups(vectors)).all()


@pytest.mark.parametrize("size", [2, 5])
def test_lists_are_those_of_brute_force(size: int) -> None:
    """Random events of 400 users in 4 groups, 30 items, some sold out and some pairs forbidden."""
    rng = np.random.default_rng(size)
    n_users, n_items = 400, 30
    groups = rng.integers(-1, 4, n_users)
    chance = rng.uniform(0, 0.4, (4, n_items))
    taken = [
        (u, i, 5)
        for u in range(n_users)
        for i in range(n_items)
        if rng.uniform() < chance[max(groups[u], 0), i]
    ]
    eligible, forbidden = (
        rng.uniform(size=n_items) > 0.2,
        rng.uniform(size=(n_users, n_items)) < 0.1,
    )

    def of(users: Keys, items: Int32) -> Bool:
        return np.asarray(forbidden[users[:, None], np.maximum(items, 0)])

    users = np.arange(n_users, dtype=np.int32)
    found = liked.also_liked(users, groups, purchases(*taken), eligible, of, size).to_pylist()
    told = {row["user_key"]: (row["items"], row["likers"], row["lifts"]) for row in found}
    had = {u: {i for v, i, _ in taken if v == u} for u in range(n_users) if groups[u] >= 0}
    active = {u for u in had if had[u]}
    for user in had:
        mine = [u for u in active if groups[u] == groups[user]]
        ranked = []
        for item in range(n_items):
            likers = sum(item in had[u] for u in mine)
            everyone = sum(item in had[u] for u in active)
            lift = likers / len(mine) / (everyone / len(active)) if likers else 0
            if eligible[item] and likers >= liked.LEAST_LIKERS and lift > 1:
                ranked.append((-lift, -likers, item))
        wanted = [o for o in sorted(ranked) if o[2] not in had[user] and not forbidden[user, o[2]]]
        if not wanted:
            assert user not in told
            continue
        items, likers_of, lifts = told[user]
        assert items == [item for _, _, item in wanted[:size]]
        assert likers_of == [-n for _, n, _ in wanted[:size]]
        assert lifts == pytest.approx([-lift for lift, _, _ in wanted[:size]], rel=1e-5)
