"""The two protocols that list quality is measured by: rolling-7d (with and without repeats) and
leave-one-out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys_tasks.clock import start_of

EXAMPLES = Path(__file__).resolve().parent.parent / "include" / "examples"
Lists = Mapping[str, list[str]]


@dataclass(frozen=True)
class Dataset:
    """A data set, its settings file and its test windows."""

    name: str
    config: Path
    events_file: str
    protocol: str
    cutoffs: tuple[date, ...]
    window_days: int
    forbid_known: bool


DATASETS = {
    "online-retail-ii": Dataset(
        "online-retail-ii",
        EXAMPLES / "online-retail-ii.yaml",
        "online-retail-ii/interactions.parquet",
        "rolling-7d",
        tuple(date(2011, 11, 12) + timedelta(days=7 * w) for w in range(4)),
        7,
        False,
    ),
    "amazon-beauty": Dataset(
        "amazon-beauty",
        EXAMPLES / "amazon-beauty.yaml",
        "amazon-beauty-s3rec/interactions.csv",
        "leave-one-out",
        (date(2014, 7, 22),),
        1,
        True,
    ),
    "movietweetings": Dataset(
        "movietweetings",
        EXAMPLES / "movietweetings.yaml",
        "movietweetings/interactions.csv",
        "rolling-7d",
        tuple(date(2013, 11, 6) - timedelta(days=7 * (4 - w)) for w in range(4)),
        7,
        True,
    ),
    "completejourney": Dataset(
        "completejourney",
        EXAMPLES / "completejourney.yaml",
        "completejourney-sample/interactions.csv",
        "rolling-7d",
        tuple(date(2017, 12, 30) - timedelta(days=7 * (4 - w)) for w in range(4)),
        7,
        False,
    ),
}


def named(*names: str) -> Callable[[str], str]:
    """The type of a command line's argument that is one of these data sets' names."""

    def checked(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(
                f"no data set is called {name!r}: there are {', '.join(names)}"
            )
        return name

    return checked


def data_folder() -> Path:
    """The folder of RECSYS_TEST_DATA; ends the run with a message where it is unset."""
    folder = os.environ.get("RECSYS_TEST_DATA")
    if not folder:
        sys.exit("RECSYS_TEST_DATA is not set: it names the folder with the benchmark data sets")
    return Path(folder)


def read_events(dataset: Dataset) -> pd.DataFrame:
    """user_id and item_id as text, timestamp in seconds, and the columns that peers may use."""
    path = data_folder() / dataset.events_file
    text = {"user_id": str, "item_id": str}
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=text)
    frame = frame.astype(text)
    return frame.sort_values(["user_id", "timestamp"], kind="stable").reset_index(drop=True)


@dataclass(frozen=True)
class Window:
    """Truth of one window: what each judged user did in it, and what they knew before."""

    cutoff: date
    truth: Mapping[str, set[str]]
    known: Mapping[str, set[str]]

    @classmethod
    def of(cls, dataset: Dataset, events: pd.DataFrame, cutoff: date) -> Window:
        """Users with an event before the cutoff and one in [cutoff, cutoff + window)."""
        start, end = start_of(cutoff), start_of(cutoff + timedelta(days=dataset.window_days))
        past, future = (
            events[events.timestamp < start],
            events[events.timestamp.between(start, end, inclusive="left")],
        )
        known: dict[Any, Any] = past.groupby("user_id").item_id.agg(set).to_dict()
        truth: dict[Any, Any] = future.groupby("user_id").item_id.agg(set).to_dict()
        return cls(cutoff, {u: t for u, t in truth.items() if u in known}, known)

    def discovery(self) -> Window:
        """The same window without each user's known items; users with at least one new item."""
        truth = {u: t - self.known[u] for u, t in self.truth.items()}
        return Window(self.cutoff, {u: t for u, t in truth.items() if t}, self.known)


def without_known(lists: Lists, window: Window) -> dict[str, list[str]]:
    """Lists from which each user's known items are removed."""
    return {u: [i for i in items if i not in window.known.get(u, ())] for u, items in lists.items()}


def ndcg_and_hits(
    lists: Lists, window: Window, k: int = 10
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """NDCG@k (ideal: min(k, truth) hits) and whether k hold a hit, of each user; 0 for a user
    without a list.
    """
    discount = 1 / np.log2(np.arange(k) + 2)
    ndcg, hits = [], []
    for user, truth in window.truth.items():
        found = np.array([item in truth for item in lists.get(user, [])[:k]], bool)
        ndcg.append(
            float(discount[: len(found)][found].sum() / discount[: min(k, len(truth))].sum())
        )
        hits.append(bool(found.any()))
    return np.array(ndcg), np.array(hits, bool)


def perfect_ndcg(lists: Lists, window: Window, k: int = 10) -> float:
    """Mean NDCG@k if each list were ordered perfectly: what no ranker of it can exceed."""
    gain = np.concatenate([[0.0], (1 / np.log2(np.arange(k) + 2)).cumsum()])
    reached = [
        gain[min(k, len(truth.intersection(lists.get(user, []))))] / gain[min(k, len(truth))]
        for user, truth in window.truth.items()
    ]
    return float(np.mean(reached))


def pair_recall(lists: Lists, window: Window, k: int) -> float:
    """Share of the window's user–item pairs among at most k candidates a user."""
    found = sum(
        len(truth.intersection(lists.get(user, [])[:k])) for user, truth in window.truth.items()
    )
    return found / sum(map(len, window.truth.values()))
