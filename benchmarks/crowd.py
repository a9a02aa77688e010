"""A simulated crowd for the benchmarks: n users, 100,000 items by default, every table made by the
pipeline's stages.

Users belong to one of 400 tastes, items too; a user's events fall mostly into the own taste, on
items of uneven popularity. Vectors stand where a tower would put them: near their taste, with
noise. Only the tower is not trained.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs, Timeline, start_of
from recsys_tasks.config import Config, parse_config
from recsys_tasks.features.build import build_features
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.ranking.examples.build import Window, build_examples, label_windows
from recsys_tasks.ranking.inputs import RankingInputs, open_ranking_inputs
from recsys_tasks.ranking.models.train import train_ranker
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.retrieval.embeddings import Embeddings, open_embeddings
from recsys_tasks.retrieval.index.build import build_index, open_index
from recsys_tasks.snapshot.dataset import Snapshot, open_snapshot, write_snapshot
from recsys_tasks.snapshot.day_files import DayRows, write_events_day

AS_OF = date(2026, 3, 1)
ITEMS, TASTES, DIMENSIONS = 100_000, 400, 64
DAYS, EVENTS_PER_USER = 56, 12
NEW_ITEMS, TODAYS_ITEMS = 500, 100
"""Items of the last four weeks, and of the last day alone: these have the last keys."""

SETTINGS = {
    "project": "crowd",
    "source": {"kind": "files", "events": "unused", "items": "unused"},
    "users": {"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
    "items": {"attributes": [{"name": "shelf", "kind": "categorical"}], "category": "shelf"},
    "events": {"price_column": "price"},
    "objectives": [{"name": "purchase", "events": ["purchase"]}],
    "min_history_days": 7,
    "features": {"popularity_days": [7, 28, 90]},
    "ranker": {
        "windows": 2,
        "heavy_trees": 100,
        "leaves": 31,
        "light_survivors": 120,
        "light_trees": 20,
    },
    "serving": {"k": 100, "spares": 10, "shards": 4},
}
"""300 candidates cut to 120, 100 trees of 31 leaves on those, lists of 100 and ten spares; all else
as it comes.

The windows of popularity are those of earlier measurements, which the figures are compared with."""


@dataclass(frozen=True)
class Crowd:
    """A snapshot of n users and where everyone stands."""

    snapshot: Snapshot
    user_vectors: npt.NDArray[np.float32]
    item_vectors: npt.NDArray[np.float32]

    @property
    def config(self) -> Config:
        return self.snapshot.config

    def embeddings(self, cutoffs: Cutoffs) -> Embeddings:
        """Vectors at some cutoffs, as `embed` would leave them."""
        lake, key = self.snapshot.lake, f"crowd.{cutoffs.learned_before}@{cutoffs.history_before}"
        items = self.snapshot.existing_items(cutoffs.history)
        with lake.writing(
            "embeddings", key, inputs={"snapshot": self.snapshot.artifact.content}
        ) as draft:
            np.save(draft.path / "item_keys.npy", items)
            np.save(draft.path / "item_vectors.npy", self.item_vectors[items])
            np.save(draft.path / "user_keys.npy", np.arange(len(self.user_vectors), dtype=np.int32))
            np.save(draft.path / "user_vectors.npy", self.user_vectors)
            draft.rows = len(self.user_vectors)
        assert draft.artifact is not None
        return open_embeddings(draft.artifact)

    def inputs(self, cutoffs: Cutoffs) -> RankingInputs:
        """Everything that ranking reads at some cutoffs, made where it is missing; search is by the
        index.
        """
        embeddings = self.embeddings(cutoffs)
        index = build_index(self.snapshot, embeddings, cutoffs.history_before.isoformat())
        features, generators = (
            build_features(self.snapshot, cutoffs),
            build_generators(self.snapshot, cutoffs),
        )
        return open_ranking_inputs(
            self.snapshot, cutoffs, generators, features, embeddings, open_index(index, embeddings)
        )

    def release(self) -> Artifact:
        """A light and a heavy ranker, trained as every night trains them."""
        timeline = Timeline.for_night(AS_OF, 7, 2, self.snapshot.first_day, 7)
        windows = [
            Window(self.inputs(Cutoffs.at(start)), start, end)
            for start, end in label_windows(timeline)
        ]
        return train_ranker(
            self.config,
            self.snapshot.lake,
            build_examples(self.snapshot, timeline, windows),
            lineage="crowd",
        )


def gather(
    folder: Path,
    n: int,
    seed: int = 1,
    events_per_user: int = EVENTS_PER_USER,
    config: Config | None = None,
    m: int = ITEMS,
    days: int = DAYS,
) -> Crowd:
    """Make a crowd of n users and m items, a multiple of `TASTES`, and its days."""
    rng = np.random.default_rng(seed)
    config, lake = config or parse_config(SETTINGS), Lake(folder)
    centres = rng.normal(size=(TASTES, DIMENSIONS)).astype(np.float32)
    user_taste, item_taste = rng.integers(0, TASTES, n), np.arange(m) % TASTES
    order = np.argsort(item_taste, kind="stable").reshape(TASTES, -1)
    born = _born(rng, m, days)
    parts = {}
    for number in range(days):
        day = AS_OF - timedelta(days=days - number)
        parts[day] = _day(lake, rng, day, n * events_per_user // days, user_taste, order, born)
    users = {
        "user_key": pa.array(np.arange(n, dtype=np.int32)),
        "user_id": pa.array([f"u{key}" for key in range(n)]),
        "country": pa.array(np.array(["DE", "FR", "GB", "IT", "NL"])[rng.integers(0, 5, n)]),
    }
    items = {
        "item_key": pa.array(np.arange(m, dtype=np.int32)),
        "item_id": pa.array([f"i{key}" for key in range(m)]),
        "title": pa.array([f"Item {key} of shelf {taste}" for key, taste in enumerate(item_taste)]),
        "available_from": pa.array(born),
        "available": pa.array(np.ones(m, bool)),
        "shelf": pa.array([f"shelf {taste}" for taste in item_taste]),
    }
    tables = {
        "users": pa.table(users).select(schema.users(config).schema.names),
        "items": pa.table(items).select(schema.items(config).schema.names),
    }
    snapshot = write_snapshot(config, lake, AS_OF, parts=parts, **tables)
    return Crowd(snapshot, _near(rng, centres[user_taste]), _near(rng, centres[item_taste]))


def _born(rng: np.random.Generator, m: int, days: int) -> npt.NDArray[np.int64]:
    """Second from which each item exists: most before the first day, some within the last four
    weeks.
    """
    born = np.full(m, start_of(AS_OF - timedelta(days=days + 10)), np.int64)
    new = rng.permutation(m)[:NEW_ITEMS]
    born[new] = start_of(AS_OF) - rng.integers(1, 28 * 86400, len(new))
    born[-TODAYS_ITEMS:] = start_of(AS_OF) - rng.integers(1, 86400, TODAYS_ITEMS)
    return born


def _day(
    lake: Lake,
    rng: np.random.Generator,
    day: date,
    events: int,
    user_taste: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    born: npt.NDArray[np.int64],
) -> Artifact:
    user = rng.integers(0, len(user_taste), events)
    taste = np.where(rng.random(events) < 0.8, user_taste[user], rng.integers(0, TASTES, events))
    place = (order.shape[1] * rng.random(events) ** 3).astype(np.int64)  # uneven popularity
    item = order[taste, place]
    ts = start_of(day) + rng.integers(0, 86400, events)
    there = born[item] < ts
    columns = {
        "user_key": user[there].astype(np.int32),
        "item_key": item[there].astype(np.int32),
        "ts": ts[there],
        "event": np.zeros(int(there.sum()), np.int8),
        "price": (1 + item[there] % 50).astype(np.float32),
        "quantity": np.full(int(there.sum()), np.nan, np.float32),
    }
    sort = np.lexsort((columns["item_key"], columns["ts"], columns["user_key"]))
    table = pa.table(
        {name: values[sort] for name, values in columns.items()}, schema=schema.EVENTS.schema
    )
    return write_events_day(
        lake,
        day,
        DayRows(table),
        f"crowd of {len(user_taste)}, {events} events, {order.size} items",
    )


def _near(rng: np.random.Generator, centres: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    noisy = centres + 0.9 * rng.standard_normal(size=centres.shape, dtype=np.float32)
    unit: npt.NDArray[np.float32] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    return unit


def reopen(folder: Path) -> RankingInputs:
    """What tonight's shards read of a crowd that was gathered and prepared before."""
    lake, cutoffs = Lake(folder), Cutoffs.at(AS_OF)
    snapshot = open_snapshot(parse_config(SETTINGS), lake, AS_OF)
    embeddings = open_embeddings(
        lake.require("embeddings", f"crowd.{cutoffs.learned_before}@{cutoffs.history_before}")
    )
    index = open_index(lake.require("index", AS_OF.isoformat()), embeddings)
    features, generators = (
        lake.require("features", str(cutoffs)),
        lake.require("generators", str(cutoffs)),
    )
    return open_ranking_inputs(snapshot, cutoffs, generators, features, embeddings, index)


def main() -> None:
    """`python -m benchmarks.crowd N FOLDER [release]`: gather a crowd and prepare its night, in a
    process apart.
    """
    n, folder = int(sys.argv[1]), Path(sys.argv[2])
    started = time.perf_counter()
    crowd = gather(folder, n)
    print(f"  crowd of {n:,}: {time.perf_counter() - started:.0f} s", flush=True)
    for name, stage in (("generators", build_generators), ("features", build_features)):
        started = time.perf_counter()
        stage(crowd.snapshot, Cutoffs.at(AS_OF))
        print(f"  {name}: {time.perf_counter() - started:.0f} s", flush=True)
    crowd.inputs(Cutoffs.at(AS_OF))
    if "release" in sys.argv[3:]:
        print(f"  release: {crowd.release().reference}", flush=True)


if __name__ == "__main__":
    main()
