"""A planted world: users of one group only ever take items of one group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.config import Config
from recsys_tasks.snapshot.dataset import Snapshot
from tests.worlds import make_config, make_snapshot

GROUPS, PER_GROUP, USERS = 4, 10, 80
START = 20_000 * DAY_SECONDS  # 2024-10-04


def group_config(**tower: Any) -> Config:
    settings = {
        "dimensions": 16,
        "epochs": 12,
        "batch_size": 64,
        "learning_rate": 0.01,
        "history_length": 6,
        **tower,
    }
    # Two days of fourteen are much of a small world; here a warm start is what is wanted all the
    # same. All its items are young.
    settings["warm_start"] = {
        "max_new_share": 1.0,
        "young_item_days": 0,
        **tower.get("warm_start", {}),
    }
    return make_config(
        items={"attributes": [{"name": "kind", "kind": "categorical"}]},
        users={"attributes": [{"name": "town", "kind": "categorical"}]},
        two_tower=settings,
    )


def group_items(extra: Sequence[tuple[str, int]] = ()) -> pd.DataFrame:
    """Items i0, i1, …: item number n is of kind n // PER_GROUP; `extra` adds (id, kind)."""
    rows = [(f"i{n:02d}", n // PER_GROUP) for n in range(GROUPS * PER_GROUP)] + list(extra)
    return pd.DataFrame({"item_id": [r[0] for r in rows], "kind": [f"k{r[1]}" for r in rows]})


def group_events(first: int, last: int) -> pd.DataFrame:
    """On each day in [first, last) each user takes one item of the group `user number % GROUPS`."""
    days = np.arange(last)
    draws = np.random.default_rng(5).integers(0, PER_GROUP, (USERS, 60))[:, :last]
    users = np.repeat(np.arange(USERS), last)
    rows = pd.DataFrame(
        {
            "user_id": [f"u{u:02d}" for u in users],
            "item_id": [
                f"i{g * PER_GROUP + n:02d}"
                for g, n in zip(users % GROUPS, draws.ravel(), strict=True)
            ],
            "ts": START + np.tile(days, USERS) * DAY_SECONDS + users,
        }
    )
    return rows[rows["ts"] >= START + first * DAY_SECONDS].reset_index(drop=True)


def group_snapshot(
    folder: Path,
    config: Config,
    as_of: str,
    days: int,
    extra: Sequence[tuple[str, int]] = (),
    late: pd.DataFrame | None = None,
) -> Snapshot:
    """A snapshot of the first `days` days, `late` events added."""
    users = pd.DataFrame(
        {"user_id": [f"u{u:02d}" for u in range(USERS)], "town": ["north", "south"] * (USERS // 2)}
    )
    events = (
        group_events(0, days)
        if late is None
        else pd.concat([group_events(0, days), late], ignore_index=True)
    )
    return make_snapshot(folder, config, as_of, events, items=group_items(extra), users=users)


def share_of_own_group(user_keys: np.ndarray, item_keys: np.ndarray) -> float:
    """Share of items `[n, k]` of their user's group; keys are ids in sorted order, so numbers of
    the ids.
    """
    return float((item_keys // PER_GROUP == user_keys[:, None] % GROUPS).mean())
