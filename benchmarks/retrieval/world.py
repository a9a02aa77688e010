"""One window for systems that are vectors: what they may learn from, and how their vectors are
judged.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as clock_time

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import report
from benchmarks.protocols import Dataset, Window, read_events
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import load_config
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.sources.base import open_source

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
BLOCK = 1024
NOWHERE = 1 << 40
"""Place of an item that a system does not know, beyond every list's end."""

THREADS = len(os.sched_getaffinity(0))
"""As many as there are cores to run on: pinned to one, every system has one."""


@dataclass(frozen=True)
class Score:
    """How a system's lists of the judged users fare."""

    recall_100: float
    ndcg_10: float
    hr_10: float


@dataclass(frozen=True)
class World:
    """The last window of a data set. Columns of scores are item keys of the snapshot, rows
    `users`.
    """

    dataset: Dataset
    window: Window
    snapshot: Snapshot
    past: pd.DataFrame
    users: list[str]

    @classmethod
    def open(cls, dataset: Dataset, seed: int = 1) -> World:
        """Extracted and frozen by the pipeline's own stages, in a lake of the benchmark's."""
        cutoff, home = dataset.cutoffs[-1], report.OUT / "retrieval" / f"lake-{dataset.name}"
        config, lake = load_config(dataset.config), Lake(home / "lake")
        config = config.model_copy(
            update={
                "resources": config.resources.model_copy(update={"threads": THREADS, "seed": seed})
            }
        )
        now = datetime.combine(cutoff, clock_time(1), UTC)
        extract(config, lake, open_source(config, home), cutoff, now)
        snapshot = freeze(config, lake, cutoff, now).snapshot
        events = read_events(dataset)
        window = Window.of(dataset, events, cutoff)
        return cls(
            dataset,
            window,
            snapshot,
            events[events.timestamp < start_of(cutoff)],
            list(window.truth),
        )

    @property
    def cutoffs(self) -> Cutoffs:
        """What our tower may know: under the papers' strict protocol it learns a day less than the
        peers here do.
        """
        return Cutoffs.at(self.window.cutoff, self.snapshot.config.learning_lag_days)

    def columns_of(self, item_ids: npt.ArrayLike) -> Rows:
        """Column of each item."""
        return pd.Index(self.snapshot.items["item_id"]).get_indexer(pd.Index(np.asarray(item_ids)))

    def item_vectors(self, item_ids: npt.ArrayLike, vectors: Vectors) -> Vectors:
        """A row for every column; NaN where a system does not know the item."""
        known = np.full((self.snapshot.n_items, vectors.shape[1]), np.nan, np.float32)
        columns = self.columns_of(item_ids)
        known[columns[columns >= 0]] = vectors[columns >= 0]
        return known

    def judge(self, users: Vectors, items: Vectors) -> Score:
        """`users [n, d]` in the order of `self.users` (zeros: no vector), `items [m, d]` as
        `item_vectors` makes them.

        An item's place is how many others score at least as high: ties count against a system, so
        that vectors that are all alike find nothing.
        """
        known = (
            _pairs(self, self.window.known)
            if self.dataset.forbid_known
            else (np.empty(0, np.int64),) * 2
        )
        rows, columns = _pairs(self, self.window.truth)
        places = np.full(len(rows), NOWHERE)
        for start in range(0, len(users), BLOCK):
            scores = np.nan_to_num(users[start : start + BLOCK] @ items.T, nan=-np.inf)
            theirs = (known[0] >= start) & (known[0] < start + BLOCK)
            scores[known[0][theirs] - start, known[1][theirs]] = -np.inf
            for at in np.flatnonzero((rows >= start) & (rows < start + BLOCK) & (columns >= 0)):
                own = scores[rows[at] - start, columns[at]]
                if np.isfinite(own):
                    places[at] = np.count_nonzero(scores[rows[at] - start] >= own) - 1
        return _score(places, rows, len(users))


def _pairs(world: World, sets: Mapping[str, set[str]]) -> tuple[Rows, Rows]:
    """Row and column of each pair of a judged user; column -1 of an item that is not in the
    snapshot.
    """
    chosen = [(row, item) for row, user in enumerate(world.users) for item in sets.get(user, ())]
    return np.array([row for row, _ in chosen], np.int64), world.columns_of(
        [item for _, item in chosen]
    )


def _score(places: Rows, rows: Rows, users: int) -> Score:
    """Recall over pairs; NDCG and hits over users, with min(10, |truth|) hits as the ideal."""
    discount = 1 / np.log2(np.arange(10) + 2)
    gain = np.bincount(
        rows, weights=np.where(places < 10, discount[np.minimum(places, 9)], 0.0), minlength=users
    )
    sizes = np.bincount(rows, minlength=users)
    ideal = np.cumsum(discount)[np.minimum(sizes, 10) - 1]
    hits = np.bincount(rows, weights=places < 10, minlength=users) > 0
    return Score(float((places < 100).mean()), float((gain / ideal).mean()), float(hits.mean()))


class Clock:
    """Processor seconds of this process, less what is judged in between.

    Of the processor, not of the wall: then nothing that runs beside a benchmark counts, for any
    system.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = time.process_time()

    def stop(self) -> float:
        """Seconds until now."""
        self.seconds += time.process_time() - self._since
        return self.seconds

    def go_on(self) -> None:
        """Judging is over."""
        self._since = time.process_time()
