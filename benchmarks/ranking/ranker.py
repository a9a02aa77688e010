"""`make bench-ranker`: rankers on 20 M example rows, and features of 1 M users and 20 M
interactions.

Each is made by the pipeline's own stage, in a process of its own whose time and peak memory are
printed. The examples are those of a crowd just large enough: candidates of all its users at two
past cutoffs, with every feature.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report
from benchmarks.crowd import AS_OF, ITEMS, SETTINGS, gather
from recsys_tasks.clock import Cutoffs, Timeline
from recsys_tasks.config import Config, parse_config
from recsys_tasks.features.build import build_features
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.ranking.examples.build import Examples, Window, build_examples, label_windows
from recsys_tasks.ranking.models.train import train_ranker
from recsys_tasks.snapshot.dataset import open_snapshot

ROWS, USERS, EVENTS_PER_USER = 20_000_000, 1_000_000, 20
ROWS_A_USER = 285
"""Example rows that two windows make of one user of the crowd, on average."""
MEMORY_MB, FEATURE_SECONDS = 8_000, 300
"""What is asked of the reference machine."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="example rows to train on")
    parser.add_argument("--users", type=int, default=USERS, help="users whose features are made")
    parser.add_argument(
        "--folder", type=Path, help="keep the crowds here, and use those that are there"
    )
    parser.add_argument("--step", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        STEPS[arguments.step](arguments.folder, arguments.users)
        return
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="ranker-"))
    try:
        rows = [*_features(folder, arguments.users), *_training(folder, arguments.rows)]
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    report.publish("ranker", rows, seed=1, date=datetime.now(UTC).date().isoformat(), by_size=True)  # noqa: TID251


def _features(folder: Path, users: int) -> Iterator[report.Row]:
    if not users:
        return
    crowd = folder / f"features-{users}"
    if not (crowd / "snapshot").exists():
        _measured("gather", crowd, users)
    found = _measured("features", crowd, users)
    print(
        f"  asked: under {FEATURE_SECONDS} s for {USERS:,} users × {ITEMS:,} items × 20 M events",
        flush=True,
    )
    yield from _rows("features", users * EVENTS_PER_USER, found)


def _training(folder: Path, rows: int) -> Iterator[report.Row]:
    if not rows:
        return
    users = -(-rows // ROWS_A_USER)
    crowd = folder / f"examples-{rows}"
    if not (crowd / "examples").exists():
        _measured("examples", crowd, users)
    found = _measured("train", crowd, users)
    print(f"  asked: under {MEMORY_MB:,} MB for {ROWS:,} rows", flush=True)
    yield from _rows("ranker training", int(found.pop("rows")), found)


def _rows(system: str, size: int, found: dict[str, float]) -> Iterator[report.Row]:
    units = {"seconds": "seconds", "peak-mb": "MB"}
    for metric, value in found.items():
        yield report.Row(
            "crowd", "ranker", "mean", system, metric, 10, size, value, units.get(metric, "share")
        )


# --- one step, in a process of its own ------------------------------------------------------------


def _measured(step: str, crowd: Path, users: int) -> dict[str, float]:
    arguments = ["--step", step, "--folder", str(crowd), "--users", str(users)]
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.ranking.ranker", *arguments],
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    print(
        f"  {step}: " + ", ".join(f"{name} {value:,.5g}" for name, value in found.items()),
        flush=True,
    )
    return found


def _timed(work: Callable[[], Artifact]) -> tuple[Artifact, dict[str, float]]:
    """The artifact, seconds of wall clock, and the process's largest resident memory (mapped files
    count).
    """
    started = time.perf_counter()
    made = work()
    seconds = time.perf_counter() - started
    return made, {
        "seconds": seconds,
        "peak-mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


def _gather(folder: Path, users: int) -> None:
    gather(folder, users, events_per_user=EVENTS_PER_USER)
    print(json.dumps({"users": users}))


def _make_features(folder: Path, users: int) -> None:
    snapshot = open_snapshot(_config(), Lake(folder), AS_OF)
    made, found = _timed(lambda: build_features(snapshot, Cutoffs.at(AS_OF)))
    print(
        json.dumps({"events": snapshot.artifact.rows, "pairs": made.facts["pair"]["rows"], **found})
    )


def _make_examples(folder: Path, users: int) -> None:
    crowd = gather(folder, users, config=_config())
    timeline = Timeline.for_night(AS_OF, 7, 2, crowd.snapshot.first_day, 7)
    windows = [
        Window(crowd.inputs(Cutoffs.at(start)), start, end)
        for start, end in label_windows(timeline)
    ]
    made, found = _timed(lambda: build_examples(crowd.snapshot, timeline, windows))
    print(json.dumps({"rows": made.rows, "seconds": found["seconds"]}))


def _train(folder: Path, users: int) -> None:
    examples = Lake(folder).require("examples", AS_OF.isoformat())
    made, found = _timed(lambda: train_ranker(_config(), Lake(folder), examples, lineage="crowd"))
    facts = json.loads(made.file("release.json").read_text())
    columns = len(Examples.open(examples).names)
    ndcg = {f"ndcg@10 {stage}": value for stage, value in facts["held_out_ndcg@10"].items()}
    print(json.dumps({"rows": examples.rows, "columns": columns, **found, **ndcg}))


def _config() -> Config:
    """The crowd's settings, with everyone sampled."""
    return parse_config({**SETTINGS, "ranker": {**SETTINGS["ranker"], "max_users": 10_000_000}})  # type: ignore[dict-item]


STEPS: dict[str, Callable[[Path, int], None]] = {
    "gather": _gather,
    "features": _make_features,
    "examples": _make_examples,
    "train": _train,
}

if __name__ == "__main__":
    main()
