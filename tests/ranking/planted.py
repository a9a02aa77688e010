"""A world in which the right answer is known: a user acts on candidates that point where the user
points.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import Timeline, day_of, start_of
from recsys_tasks.config import Config
from recsys_tasks.ranking.examples.build import Window, label_windows
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.day_files import DayRows, write_events_day
from tests.ranking import fakes
from tests.worlds import make_config, make_snapshot

USERS, ITEMS, CANDIDATES, WEEKS = 300, 80, 40, 6
AS_OF = date(2026, 3, 10)
RANKER: dict[str, Any] = {
    "windows": 3,
    "negatives_per_user": 15,
    "light_survivors": 20,
    "light_trees": 20,
    "heavy_trees": 30,
    "heavy_members": 2,
    "leaves": 7,
    "min_leaf_rows": 20,
    "calibration_users": 0.3,
}


class World:
    """Events of WEEKS weeks up to AS_OF; inputs at any day from the users' true directions plus
    noise.
    """

    def __init__(self, folder: Path, **config: object) -> None:
        self.config: Config = make_config(
            **{"ranker": RANKER, "resources": {"threads": 1}, **config}
        )
        rng = np.random.default_rng(3)
        self.users, self.items = (
            unit(rng.normal(size=(USERS, 6))),
            unit(rng.normal(size=(ITEMS, 6))),
        )
        chance = self.chances()
        kinds = [kind.name for kind in self.config.events.kinds]
        rows = []
        for week in range(WEEKS):
            user, item = np.nonzero(rng.random(chance.shape) < chance)
            day = AS_OF - timedelta(days=7 * (WEEKS - week))
            ts = start_of(day) + rng.integers(0, 7 * 86400, len(user))
            rows.append(pd.DataFrame({"user_id": user, "item_id": item, "ts": ts}))
        events = pd.concat(rows).sort_values(["ts", "user_id", "item_id"])
        events["event"] = np.array(kinds)[np.arange(len(events)) % len(kinds)]
        events = self.acted(events)
        named = {
            "user": [f"u{u:04d}" for u in range(USERS)],
            "item": [f"i{i:04d}" for i in range(ITEMS)],
        }
        for entity, names in named.items():
            events[f"{entity}_id"] = np.array(names)[events[f"{entity}_id"]]
        self.snapshot: Snapshot = make_snapshot(
            folder,
            self.config,
            AS_OF,
            events,
            items=pd.DataFrame(
                {"item_id": named["item"], "available_from": 0, "available": True, **self.of_items}
            ),
            users=pd.DataFrame({"user_id": named["user"]}),
        )
        self.timeline = Timeline.for_night(AS_OF, 7, 3, self.snapshot.first_day, 7)

    def chances(self) -> np.ndarray:
        """`[USERS, ITEMS]`: the chance that a user acts on an item in a week."""
        chances: np.ndarray = 0.6 / (1 + np.exp(-14 * (self.users @ self.items.T - 0.6)))
        return chances

    def acted(self, events: pd.DataFrame) -> pd.DataFrame:
        """What else is known of each event; `user_id` and `item_id` are numbers."""
        return events

    @property
    def of_items(self) -> dict[str, np.ndarray]:
        """Attributes `[ITEMS]` of the items, which the rankers see too."""
        return {}

    def inputs(self, day: date) -> RankingInputs:
        known = self.snapshot.events(before=day)
        rng = np.random.default_rng(day.toordinal())
        history = np.full((USERS, 5), -1, np.int32)
        for user in range(USERS):
            newest = known.item[known.user == user][::-1][:5]
            history[user, : len(newest)] = newest
        source = fakes.FakeSource(
            np.stack([rng.permutation(ITEMS)[:CANDIDATES] for _ in range(USERS)]).astype(np.int32),
            history,
        )
        noisy = unit(self.users + rng.normal(size=self.users.shape) * 0.1)
        tables = fakes.tables(
            {"events": np.bincount(known.user, minlength=USERS).tolist()},
            {
                "popularity_7d": np.bincount(known.item, minlength=ITEMS).tolist(),
                **{
                    name: values.tolist()
                    for name, values in self.of_items.items()
                    if values.dtype.kind == "f"
                },
            },
            {},
            ["events"],
        )
        return fakes.inputs(source, tables, fakes.embeddings(self.items, noisy), day)

    def log(self, shown: pd.DataFrame) -> None:
        """Store showings (user, item, ts, position) of one day beside its events."""
        day = day_of(int(shown.ts.iloc[0]))
        events = pq.read_table(
            self.snapshot.lake.get(self.snapshot.parts[day]).file("events.parquet")
        )
        table = pa.table(
            {
                "user_key": shown.user,
                "item_key": shown.item,
                "ts": shown.ts,
                "position": shown.position.astype(float),
            },
            schema=schema.IMPRESSIONS.schema,
        )
        artifact = write_events_day(
            self.snapshot.lake, day, DayRows(events, table), "with showings"
        )
        parts = {**self.snapshot.parts, day: artifact.reference}
        self.snapshot = replace(self.snapshot, instead={"parts": parts})

    def windows(self) -> list[Window]:
        return [
            Window(self.inputs(start), start, end) for start, end in label_windows(self.timeline)
        ]


def unit(vectors: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
