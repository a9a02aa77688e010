"""`make bench-retrieval`: the two-tower beside its peers: quality by seconds of training, speed,
the index.

Every part is a module with `measure() -> list[Row]` and runs in a process of its own. What a part
found is kept in build/bench/retrieval/PART.json, so that one part can be measured at a time: the
report shows every part's newest figures. A part of many long runs keeps each in
build/bench/retrieval/PART/, and repeats it only with --again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module

from benchmarks import report

KEPT = report.OUT / "retrieval"

PARTS = {
    "quality": "benchmarks.retrieval.recall_by_seconds",
    "speed": "benchmarks.retrieval.step_speed",
    "index": "benchmarks.retrieval.index_part",
    "warm": "benchmarks.retrieval.warm_nights",
    "growth": "benchmarks.retrieval.warm_growth",
    "cold-items": "benchmarks.retrieval.cold_items",
}
"""Module of each part, by the name it has on the command line."""

LONG = ("index", "warm", "growth", "cold-items")
"""Parts of an hour or of some, that run only when they are asked for."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="part",
        help=f"of {', '.join(PARTS)}; all but {LONG} where none is",
    )
    parser.add_argument(
        "--index", action="store_true", help="the index beside exact search, faiss and hnswlib, too"
    )
    parser.add_argument(
        "--again", action="store_true", help="measure what was measured before, too"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(
            f"no part is called {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}"
        )
    chosen = arguments.parts or [name for name in PARTS if name not in LONG]
    for name in [*chosen, "index"] if arguments.index and "index" not in chosen else chosen:
        if arguments.again:
            shutil.rmtree(KEPT / name, ignore_errors=True)
        measure(name)
    rows = [row for name in PARTS for row in kept(name)]
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251  a report says when it was made
    if not rows:
        raise SystemExit("nothing was measured")
    report.publish("retrieval", rows, seed=1, date=today, by_size=True)


def measure(name: str) -> None:
    """One part, in a process of its own: TensorFlow's threads can be set once in a process."""
    started = time.perf_counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        rows = pool.submit(rows_of, PARTS[name]).result()
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def rows_of(module: str) -> list[report.Row]:
    """What a part's module measures."""
    found: list[report.Row] = import_module(module).measure()
    return found


def kept(name: str) -> list[report.Row]:
    """The figures a part last found; none where it never ran."""
    path = KEPT / f"{name}.json"
    return [report.Row(**row) for row in json.loads(path.read_text())] if path.exists() else []


if __name__ == "__main__":
    main()
