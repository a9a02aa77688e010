"""A made-up shop of any size, as files that a night extracts: users with tastes, a catalogue of
which a little is new each day, twelve events a user and two months.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_tasks.arrays import Int64
from recsys_tasks.clock import start_of

AS_OF = date(2026, 3, 1)
"""The first night; the next one is a day later."""
DAYS, EVENTS_PER_USER, TASTES = 60, 12, 400
NEW_SHARE = 0.005
"""Share of the items that come on each of the days."""

_SETTINGS = """\
project: bench_night
clock: simulated
source: {{kind: files, events: {folder}/events.parquet, items: {folder}/items.parquet,
  users: {folder}/users.parquet}}
users: {{attributes: [{{name: country, kind: categorical}}], segment_by: country}}
items: {{attributes: [{{name: shelf, kind: categorical}}], category: shelf}}
events: {{price_column: price, kinds: [{{name: view}}, {{name: purchase, weight: 5}}]}}
objectives: [{{name: purchase, events: [purchase]}}, {{name: view, events: [view], weight: 0.2}}]
"""


def write_shop(folder: Path, users: int, items: int) -> Path:
    """Write the tables and the settings, as they come but for what the tables have; returns the
    settings' path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    shelf = rng.integers(0, TASTES, items)
    born = np.where(rng.random(items) < NEW_SHARE * DAYS, rng.integers(0, DAYS, items), -1)
    parts = [
        _day(rng, day, users, _of_shelves(shelf, born < day), TASTES) for day in range(DAYS + 1)
    ]
    pd.concat(parts).to_parquet(folder / "events.parquet", index=False)
    pd.DataFrame(
        {"item_id": [f"i{i}" for i in range(items)], "shelf": [f"s{s}" for s in shelf]}
    ).to_parquet(folder / "items.parquet", index=False)
    pd.DataFrame(
        {
            "user_id": [f"u{u}" for u in range(users)],
            "country": [f"c{c}" for c in rng.integers(0, 20, users)],
        }
    ).to_parquet(folder / "users.parquet", index=False)
    settings = folder / "shop.yaml"
    settings.write_text(_SETTINGS.format(folder=folder))
    return settings


def _of_shelves(shelf: Int64, known: np.ndarray) -> list[Int64]:
    """Each shelf's items that exist, the most wanted first."""
    items = np.flatnonzero(known)
    order = items[np.argsort(shelf[items], kind="stable")]
    bounds = np.searchsorted(shelf[order], np.arange(TASTES + 1))
    return [order[bounds[s] : bounds[s + 1]] for s in range(TASTES)]


def _day(
    rng: np.random.Generator, day: int, users: int, shelves: list[Int64], tastes: int
) -> pd.DataFrame:
    """One day's events: four in five of a user's are of the user's own shelf, popular items of a
    shelf more often.
    """
    n = rng.poisson(users * EVENTS_PER_USER / DAYS)
    user = rng.integers(0, users, n)
    own = user % tastes
    shelf = np.where(rng.random(n) < 0.8, own, rng.integers(0, tastes, n))
    sizes = np.array([len(items) for items in shelves])
    shelf = np.where(sizes[shelf] > 0, shelf, int(sizes.argmax()))
    place = (sizes[shelf] * rng.random(n) ** 2.5).astype(np.int64)
    starts = np.concatenate([[0], sizes.cumsum()[:-1]])
    item = np.concatenate(shelves)[starts[shelf] + place]
    bought = rng.random(n) < 0.2
    first = start_of(AS_OF - timedelta(days=DAYS))
    return pd.DataFrame(
        {
            "user_id": "u" + pd.Series(user).astype(str),
            "item_id": "i" + pd.Series(item).astype(str),
            "timestamp": first + day * 86_400 + rng.integers(0, 86_400, n),
            "event": np.where(bought, "purchase", "view"),
            "price": np.round(5 + item % 97, 2).astype(float),
        }
    )
