"""Recall by seconds of training: our tower beside stock TFRS, ALS and BPR, on the same events and
judged users.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from statistics import median

from benchmarks import report
from benchmarks.protocols import DATASETS, Window, read_events
from benchmarks.retrieval.curves import CURVES, Point
from benchmarks.retrieval.world import Score, World

OURS, STOCK = "nightshelf/two-tower", "tfrs-stock"
JUDGED = ("amazon-beauty", "movietweetings")
SEEDS = (1, 2, 3)
KEPT = report.OUT / "retrieval" / "quality"
NEARLY = 0.99
"""Stock's recall rises ever more slowly: it is also timed to this share of its best."""


def measure() -> list[report.Row]:
    """Every system on the last window of each data set, a process a system and seed."""
    rows: list[report.Row] = []
    for name in JUDGED:
        runs = [curves(name, seed) for seed in SEEDS]
        rows += rows_of(name, runs)
    return rows


def curves(dataset: str, seed: int) -> dict[str, list[Point]]:
    """System → its points, in time."""
    found: dict[str, list[Point]] = {}
    for name in CURVES:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            for point in pool.submit(points_of, name, dataset, seed).result():
                found.setdefault(point.system, []).append(point)
    for system, points in found.items():
        last, best = points[-1], max(points, key=_recall)
        print(
            f"{dataset} seed {seed} {system}: recall@100 {_recall(best):.4f} "
            f"after {best.seconds:.1f} s of {last.seconds:.1f} s, at the end {last.score}",
            flush=True,
        )
    return found


def points_of(name: str, dataset: str, seed: int) -> list[Point]:
    """One system's curve, in this process, or as it was measured before."""
    path = KEPT / f"{dataset}-{seed}-{name.replace('/', '-')}.json"
    if not path.exists():
        points = list(CURVES[name](World.open(DATASETS[dataset], seed)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([asdict(point) for point in points], indent=1))
    return [
        Point(p["system"], p["seconds"], Score(**p["score"])) for p in json.loads(path.read_text())
    ]


def rows_of(name: str, runs: Sequence[dict[str, list[Point]]]) -> list[report.Row]:
    """Medians over seeds of each system's figures, and every curve's points."""
    dataset = DATASETS[name]
    figures: dict[tuple[str, str, int, str], list[float]] = {}
    for run in runs:
        for system, metric, k, unit, value in _figures(run):
            figures.setdefault((system, metric, k, unit), []).append(value)
    protocol, size = dataset.protocol, judged_users(name)
    made = [
        report.Row(
            name, protocol, "mean", system, metric, k, size, median(values), unit, len(values)
        )
        for (system, metric, k, unit), values in figures.items()
    ]
    return made + [
        report.Row(
            name,
            dataset.protocol,
            f"seed {seed}, {p.seconds:.1f} s",
            system,
            "recall@100",
            100,
            size,
            _recall(p),
        )
        for seed, run in zip(SEEDS, runs, strict=False)
        for system, points in run.items()
        for p in points
    ]


def judged_users(name: str) -> int:
    """Users of the window."""
    dataset = DATASETS[name]
    return len(Window.of(dataset, read_events(dataset), dataset.cutoffs[-1]).truth)


Figure = tuple[str, str, int, str, float]


def _figures(run: dict[str, list[Point]]) -> Iterator[Figure]:
    for system, points in run.items():
        # Ours ends where its settings say; a peer's best point is chosen by the very users it is
        # judged on.
        shown = points[-1] if system == OURS else max(points, key=_recall)
        yield system, "recall@100", 100, "share", _recall(shown)
        yield system, "ndcg@10", 10, "share", shown.score.ndcg_10
        yield system, "hr@10", 10, "share", shown.score.hr_10
        yield system, "seconds", 0, "processor s", shown.seconds
    stock = run[STOCK]
    for share, words in ((1.0, "stock's best"), (NEARLY, f"{NEARLY:.0%} of stock's best")):
        floor = share * max(map(_recall, stock))
        theirs, mine = _first(stock, floor), _first(run[OURS], floor)
        yield STOCK, f"seconds to {words}", 100, "processor s", theirs
        yield OURS, f"seconds to {words}", 100, "processor s", mine
        yield OURS, f"seconds to {words} ÷ stock's", 100, "×", mine / theirs


def _recall(point: Point) -> float:
    return point.score.recall_100


def _first(points: Sequence[Point], floor: float) -> float:
    """Seconds of the first point at or above a recall; infinite where there is none."""
    return next((point.seconds for point in points if _recall(point) >= floor), float("inf"))
