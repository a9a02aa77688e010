"""Two hundred warm nights must not freeze an item: when the company it keeps changes, it
follows.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import DAY_SECONDS, Cutoffs, start_of
from recsys_tasks.config import Config
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.lineage import TowerVersion, train_two_tower
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower_world import GROUPS, PER_GROUP, USERS, group_config, group_items
from tests.worlds import make_snapshot

FIRST = date(2024, 10, 4)
# A night of this world has 76 examples: replaying an item's usual 500 events would keep its old
# company for weeks.
CONFIG = group_config(warm_start={"min_examples": 256, "replay_events_per_item": 20})
COLD, FLIP, WITHIN, STAY = 14, 214, 10, 20
OLD_GROUP, NEW_GROUP = 0, 1
MOVED = 0
"""Item number 0: bought by group 0 until day FLIP and by group 1 from then on. Nothing but its
buyers places it: its kind is its own, for items of one kind stay near each other whoever buys them.
"""


def generation(user: np.ndarray, day: np.ndarray) -> np.ndarray:
    """People come and go: another one takes a user's place every STAY days, on a day of their
    own.
    """
    number: np.ndarray = (day + user) // STAY
    return number


def flip_events(days: int) -> pd.DataFrame:
    """On each day each user takes one item of their group; item 0 is a popular one: one pick in
    five of its buyers'.
    """
    draws = np.random.default_rng(5).integers(0, PER_GROUP, (days, USERS))
    group = np.arange(USERS) % GROUPS
    items = group * PER_GROUP + draws
    late = np.arange(days)[:, None] >= FLIP
    old, new = OLD_GROUP * PER_GROUP, NEW_GROUP * PER_GROUP
    items[~late & (items == old + 1)] = MOVED
    items[late & (items == old)] = old + 1
    items[late & ((items == new) | (items == new + 1))] = MOVED
    day, user = np.divmod(np.arange(days * USERS), USERS)
    return pd.DataFrame(
        {
            "user_id": [
                f"u{u:02d}-{g:02d}" for u, g in zip(user, generation(user, day), strict=True)
            ],
            "item_id": [f"i{i:02d}" for i in items.ravel()],
            "ts": start_of(FIRST) + day * DAY_SECONDS + user,
        }
    )


def planted(folder: Path, config: Config, days: int) -> Snapshot:
    """The world after so many days."""
    items = group_items()
    items.loc[MOVED, "kind"] = "its own"
    events = flip_events(days)
    users = pd.DataFrame({"user_id": sorted(set(events["user_id"])), "town": "north"})
    return make_snapshot(
        folder, config, FIRST + timedelta(days=days), events, items=items, users=users
    )


def neighbours(snapshot: Snapshot, version: TowerVersion, k: int) -> list[int]:
    """Numbers of the moved item's k nearest items; keys are numbers, for ids are keyed in their
    order.
    """
    found = embed(snapshot, version, Cutoffs.at(version.learned_before), np.zeros(1, np.int32))
    vectors, keys = np.asarray(found.item_vectors), np.asarray(found.item_keys)
    order = np.argsort(-(vectors @ vectors[np.flatnonzero(keys == MOVED)[0]]))
    return [int(key) for key in keys[order] if key != MOVED][:k]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_item_follows_its_buyers_after_two_hundred_nights(tmp_path: Path) -> None:
    days = FLIP + WITHIN
    snapshot = planted(tmp_path, CONFIG, days)
    version = train_two_tower(snapshot, FIRST + timedelta(days=COLD))
    for day in range(COLD + 1, FLIP + 1):
        version = train_two_tower(snapshot, FIRST + timedelta(days=day), version)
    assert [i // PER_GROUP for i in neighbours(snapshot, version, 5)] == [OLD_GROUP] * 5
    for day in range(FLIP + 1, days + 1):
        version = train_two_tower(snapshot, FIRST + timedelta(days=day), version)
    assert [i // PER_GROUP for i in neighbours(snapshot, version, 5)] == [NEW_GROUP] * 5
