"""Made-up shops of other tempos than those of `RECSYS_TEST_DATA`: a news site, whose items live for
days, and a shop of two speeds, where half of what is done is with such items.

Readers have tastes: each one's draws fall on topics by the reader's own shares. An item of a news
site is read in its first days, in proportion to its appeal; one of the slow half lives for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import report
from benchmarks.protocols import Dataset
from recsys_tasks.arrays import Float64, Int64
from recsys_tasks.clock import start_of

FIRST_DAY, DAYS = date(2026, 1, 1), 84
TOPICS = 12
READS_A_DAY = 0.33
"""Events of a user and day, on average."""
AGAIN = 0.08
"""Share of events that are with an item that the user had lately."""
RECENT = 4
"""Items that a user may come back to; a new one takes the place of any of them."""


@dataclass(frozen=True)
class World:
    """How a made-up shop differs from the next.

    `users`: how many; `new_items`: of a day; `life`: mean days that they are in demand;
    `slow_items`: items that are always in demand; `slow_share`: their share of the events.
    """

    users: int
    new_items: int = 20
    life: float = 2.0
    slow_items: int = 0
    slow_share: float = 0.0
    seed: int = 0


WORLDS: Mapping[str, World] = {
    "news-400": World(400),
    "news-10k": World(10_000, new_items=60, seed=1),
    "two-speed": World(5_000, new_items=30, slow_items=2_000, slow_share=0.5, seed=2),
}


def dataset(name: str) -> Dataset:
    """A world as a data set of two test windows, made anew in `build/bench/worlds`."""
    folder = report.OUT / "worlds" / name
    settings = make(name, folder)
    last = FIRST_DAY + timedelta(days=DAYS)
    cutoffs = (last - timedelta(days=14), last - timedelta(days=7))
    events = str(folder / "interactions.csv")
    return Dataset(name, settings, events, "rolling-7d", cutoffs, 7, False)


def make(name: str, folder: Path) -> Path:
    """Write `interactions.csv`, `items.csv` and the settings of a world; returns the settings'
    path.
    """
    world = WORLDS[name]
    folder.mkdir(parents=True, exist_ok=True)
    events, items = _draw(world)
    events.to_csv(folder / "interactions.csv", index=False)
    items.to_csv(folder / "items.csv", index=False)
    settings = folder / f"{name}.yaml"
    settings.write_text(_SETTINGS.format(project=name.replace("-", "_"), folder=folder))
    return settings


_SETTINGS = """\
project: {project}
clock: simulated
source: {{kind: files, events: {folder}/interactions.csv, items: {folder}/items.csv}}
items:
  attributes:
    - {{name: topic, kind: categorical}}
events: {{kinds: [{{name: view}}]}}
objectives: [{{name: view, events: [view]}}]
repeat_consumption: allow
"""


def _draw(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The events (user_id, item_id, timestamp, event), by time, and the items (item_id, topic)."""
    rng = np.random.default_rng(world.seed)
    size = world.slow_items + world.new_items * DAYS
    born: Float64 = np.concatenate(
        [np.full(world.slow_items, -1.0), np.repeat(np.arange(DAYS), world.new_items)]
    )
    topic = rng.integers(0, TOPICS, size)
    appeal: Float64 = rng.pareto(1.2, size) + 0.1
    taste: Float64 = rng.dirichlet(np.full(TOPICS, 0.3), world.users)
    eager: Float64 = rng.gamma(1.0, READS_A_DAY, world.users)
    last = np.full((world.users, RECENT), -1, np.int64)
    parts = []
    for day in range(DAYS):
        demand = np.where(born <= day, appeal * np.exp(-(day - born) / world.life), 0.0)
        demand[: world.slow_items] = appeal[: world.slow_items]
        slow = np.arange(size) < world.slow_items
        user = np.repeat(np.arange(world.users), rng.poisson(eager))
        from_slow = rng.random(len(user)) < world.slow_share
        item = np.empty(len(user), np.int64)
        for chosen, half in ((from_slow, slow), (~from_slow, ~slow)):
            item[chosen] = _by_taste(rng, demand * half, topic, taste[user[chosen]])
        again = last[user, rng.integers(0, RECENT, len(user))]
        known = (rng.random(len(user)) < AGAIN) & (again >= 0)
        item[known] = again[known]
        second = start_of(FIRST_DAY + timedelta(days=day)) + rng.integers(
            6 * 3600, 86_400, len(user)
        )
        parts.append(pd.DataFrame({"user": user, "item": item, "timestamp": second}))
        last[user, rng.integers(0, RECENT, len(user))] = item
    frame = pd.concat(parts).sort_values("timestamp", kind="stable")
    frame = frame.assign(
        user_id="u" + frame.user.astype(str), item_id="a" + frame.item.astype(str), event="view"
    )
    items = pd.DataFrame(
        {"item_id": [f"a{i}" for i in range(size)], "topic": [f"t{t}" for t in topic]}
    )
    return frame[["user_id", "item_id", "timestamp", "event"]], items


def _by_taste(
    rng: np.random.Generator, demand: Float64, topic: Int64, taste: npt.NDArray[np.float64]
) -> Int64:
    """`[n]`: an item for each row of `taste [n, topics]`: a topic by it, then an item by demand."""
    mass = np.bincount(topic, weights=demand, minlength=TOPICS)
    share = taste * (mass > 0)
    share /= share.sum(axis=1, keepdims=True)
    drawn = (rng.random((len(taste), 1)) > share.cumsum(axis=1)).sum(axis=1).clip(max=TOPICS - 1)
    item = np.zeros(len(taste), np.int64)
    for t in np.unique(drawn):
        rows, items = np.flatnonzero(drawn == t), np.flatnonzero((topic == t) & (demand > 0))
        chance = demand[items] / demand[items].sum()
        item[rows] = items[
            np.searchsorted(chance.cumsum(), rng.random(len(rows))).clip(max=len(items) - 1)
        ]
    return item
