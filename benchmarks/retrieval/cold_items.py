"""Items without a single event: how well does content alone place them?

`python -m benchmarks.retrieval.cold_items`. A twentieth of the items, another draw for each of
three seeds, loses all its events; a tower is trained on the rest, and the held-out items are ranked
among themselves for every user who took one of them in the four windows that follow. Beside it:
chance, the newest first, and the popularity of the items that share their categories, or any
attribute value. Where there are few held-out items, a hundred are many of them: so a second recall
counts the first fifth of them.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.protocols import DATASETS, named
from benchmarks.retrieval.nights import freeze_nights
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import load_config
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Lake
from recsys_tasks.retrieval.candidates.content import content_space
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.index.build import ExactSearcher
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.lineage import TowerVersion, train_two_tower
from recsys_tasks.snapshot.dataset import Snapshot, write_snapshot
from recsys_tasks.snapshot.day_files import DayRows, write_events_day

SHARE, SEEDS, WINDOWS = 0.05, (1, 2, 3), 4
K = 100
POPULAR_DAYS = 28
CATEGORIES = ("categorical", "multi")
NAMES = ("online-retail-ii", "movietweetings")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Of one system, by depth: mean recall over users; `users` were judged."""

    recall: dict[int, float]
    users: int


def measure() -> list[report.Row]:
    """Both data sets at the cutoff where their test windows begin."""
    return [row for name in NAMES for row in measure_one(name, DATASETS[name].cutoffs[0])]


def measure_one(name: str, cutoff: date) -> list[report.Row]:
    """Every seed on one data set."""
    home = report.OUT / f"home-cold-{name}"
    shutil.rmtree(home, ignore_errors=True)
    config = load_config(DATASETS[name].config)
    days = config.label_window_days
    later = cutoff + timedelta(days=days * WINDOWS)
    frozen = freeze_nights(config, home, (cutoff, later))
    found: dict[str, list[Figures]] = {}
    shares: list[float] = []
    for seed in SEEDS:
        held = hold_out(frozen[cutoff], seed)
        snapshot = without_events(frozen[later], held, home / f"lake-{seed}")
        tower = train_two_tower(snapshot, cutoff)
        judged, share = _windows(snapshot, frozen[later], tower, held, days)
        shares.append(share)
        for system, figures in judged.items():
            found.setdefault(system, []).append(figures)
        shown = ", ".join(f"{system} {f.recall[K]:.4f}" for system, f in judged.items())
        print(
            f"{name} {cutoff} seed {seed}, {len(held)} held out: {shown}; share of lists"
            f" {share:.4f}",
            flush=True,
        )
    shutil.rmtree(home)
    return list(_rows(name, found, shares))


def hold_out(snapshot: Snapshot, seed: int) -> Keys:
    """A twentieth of the items that had an event before the snapshot's night, sorted."""
    known = np.unique(snapshot.events().item)
    chosen = np.random.default_rng(seed).permutation(known)[: round(SHARE * len(known))]
    return np.sort(chosen).astype(np.int32)


def without_events(snapshot: Snapshot, held: Keys, folder: Path) -> Snapshot:
    """The same snapshot in a lake of its own, without any event of these items; the items
    themselves stay.
    """
    lake, gone = Lake(folder), pa.array(held, pa.int32())
    parts = {}
    for day, reference in snapshot.parts.items():
        table = pq.read_table(snapshot.lake.get(reference).file("events.parquet"))
        rest = table.filter(pc.invert(pc.is_in(table["item_key"], gone)))
        parts[day] = write_events_day(lake, day, DayRows(rest), f"{reference} without {len(held)}")
    users, items = (
        pq.read_table(snapshot.artifact.file(f"{name}.parquet")) for name in ("users", "items")
    )
    return write_snapshot(
        snapshot.config, lake, snapshot.as_of, users=users, items=items, parts=parts
    )


@dataclass(frozen=True)
class Wanted:
    """Pairs of a window: users with a history left, and held-out items by their place among
    them.
    """

    users: Keys  # [n], distinct
    pairs: npt.NDArray[np.bool_]  # [n, held]

    @classmethod
    def of(cls, learned: Snapshot, whole: Snapshot, held: Keys, start: date, days: int) -> Wanted:
        """Of the window that starts on a day, by the snapshot that still has the held-out items'
        events.
        """
        window = whole.events(since=start, before=start + timedelta(days=days))
        window = window.where(np.isin(window.item, held))
        window = window.where(np.isin(window.user, learned.events(before=start).user))
        users, row = np.unique(window.user, return_inverse=True)
        pairs = np.zeros((len(users), len(held)), np.bool_)
        pairs[row, np.searchsorted(held, window.item)] = True
        return cls(users, pairs)


def recall(scores: npt.NDArray[np.floating], pairs: npt.NDArray[np.bool_], k: int) -> Floats:
    """Of each user, the share of wanted items among the k of the highest score; equal scores in the
    items' order.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found: Floats = np.take_along_axis(pairs, order, axis=1).sum(axis=1) / pairs.sum(axis=1)
    return found


def popularity_of_content(
    snapshot: Snapshot, held: Keys, cutoff: date, kinds: Collection[str]
) -> Floats:
    """Of each held-out item, the mean over its attribute values of the recent events an item with
    that value had.

    Attributes of these `kinds` count; all of them where there is none.
    """
    config = snapshot.config
    chosen = tuple(a for a in config.items.attributes if a.kind in kinds) or config.items.attributes
    config = config.model_copy(
        update={"items": config.items.model_copy(update={"attributes": chosen})}
    )
    recent = snapshot.events(since=cutoff - timedelta(days=POPULAR_DAYS), before=cutoff)
    count = np.bincount(recent.item, minlength=snapshot.n_items).astype(float)
    learned = np.zeros(snapshot.n_items, np.bool_)
    learned[np.unique(snapshot.events(before=cutoff).item)] = True
    everything = np.zeros(snapshot.n_items, np.bool_)
    everything[snapshot.existing_items(start_of(cutoff))] = True
    values = (content_space(config, snapshot.items, everything).items > 0).astype(float)
    popular = (values[learned].T @ count[learned]) / np.maximum(
        np.asarray(values[learned].sum(axis=0)).ravel(), 1.0
    )
    mean: Floats = (values[held] @ popular) / np.maximum(
        np.asarray(values[held].sum(axis=1)).ravel(), 1.0
    )
    return mean


def _windows(
    learned: Snapshot, whole: Snapshot, tower: TowerVersion, held: Keys, days: int
) -> tuple[dict[str, Figures], float]:
    """Each system's recall over the users of all windows, and the held-out items' share of full
    lists.
    """
    depths = (K, len(held) // 5)
    of: dict[str, list[Floats]] = {}
    shares, users = [], 0
    popular = {
        f"{name}-popularity": popularity_of_content(learned, held, tower.learned_before, kinds)
        for name, kinds in (("category", CATEGORIES), ("content", ()))
    }
    newest = learned.items["available_from"].to_numpy(float)[held]
    for start in [tower.learned_before + timedelta(days=days * n) for n in range(WINDOWS)]:
        wanted = Wanted.of(learned, whole, held, start, days)
        made = embed(learned, tower, Cutoffs(tower.learned_before, start))
        vectors = np.asarray(made.user_vectors)[made.user_rows(wanted.users)]
        items = np.asarray(made.item_vectors)
        everyone = {"newest-first": newest, **popular}
        scores = {"nightshelf/two-tower": vectors @ items[made.item_rows(held)].T}
        scores |= {
            system: np.tile(score, (len(wanted.users), 1)) for system, score in everyone.items()
        }
        for system, given in scores.items():
            of.setdefault(system, []).append(
                np.stack([recall(given, wanted.pairs, k) for k in depths])
            )
        shares.append(_share_of_lists(made, vectors, held))
        users += len(wanted.users)
    means = {system: np.concatenate(parts, axis=1).mean(axis=1) for system, parts in of.items()}
    means["chance"] = np.minimum(np.array(depths) / len(held), 1.0)
    figures = {
        system: Figures(dict(zip(depths, map(float, m), strict=True)), users)
        for system, m in means.items()
    }
    return figures, float(np.mean(shares))


def _share_of_lists(made: Embeddings, vectors: npt.NDArray[np.float32], held: Keys) -> float:
    """Share of held-out items among the hundred nearest of all items."""
    items, _ = ExactSearcher(made).search(vectors, K)
    return float(np.isin(items, held).mean())


def _rows(name: str, found: dict[str, list[Figures]], shares: list[float]) -> Iterator[report.Row]:
    """Medians over seeds; every seed's figures were printed."""
    runs, what = len(shares), (name, "cold-items", "mean")
    for system, seeds in found.items():
        for column, label in ((0, f"recall@{K}"), (1, "recall@a-fifth")):
            depth = list(seeds[0].recall)[column]
            value = float(np.median([list(figures.recall.values())[column] for figures in seeds]))
            yield report.Row(*what, system, label, depth, seeds[0].users, value, runs=runs)
    size, value = next(iter(found.values()))[0].users, float(np.median(shares))
    yield report.Row(
        *what, "nightshelf/two-tower", f"share of top-{K} lists", K, size, value, runs=runs
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", type=named(*DATASETS), default=list(NAMES))
    parser.add_argument(
        "--as-of", type=date.fromisoformat, help="another cutoff than the test windows' (tuning)"
    )
    arguments = parser.parse_args()
    for name in arguments.datasets:
        for row in measure_one(name, arguments.as_of or DATASETS[name].cutoffs[0]):
            print(f"{row.dataset:18} {row.system:22} {row.metric:22} {row.k:5} {row.value:.4f}")


if __name__ == "__main__":
    main()
