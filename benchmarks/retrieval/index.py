"""`make bench-index`: our index beside exact search, faiss and hnswlib, on the same vectors,
threads and recall.

Two sets of vectors: `tower`, of a tower that the pipeline's own stages trained
(benchmarks.retrieval.tower_vectors, or a lake's newest with --lake), and `random`, unit vectors
without any structure, the hardest there are. Each system runs in a process of its own and is tuned
to the recall floor on users set apart; recall and queries a second are of others. What was measured
is kept in build/bench/index/, so that one system can be measured at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import peers, report
from recsys_tasks.config import parse_config
from recsys_tasks.lake import Lake
from recsys_tasks.retrieval.embeddings import Embeddings, open_embeddings
from recsys_tasks.retrieval.index.build import (
    ExactSearcher,
    build_index,
    neighbour_recall,
    open_index,
)
from recsys_tasks.snapshot.dataset import Snapshot

PARTS = report.OUT / "index"
K, FLOOR, THREADS, RUNS = 100, 0.98, 2, 3
TUNE, TEST, TRUTH = 1000, 10_000, 1000
DIMENSIONS = 64
OURS, PEERS = ("exact", "nightshelf"), ("faiss-flat", "faiss-ivf-pq", "faiss-hnsw", "hnswlib")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=["tower", "random"])
    parser.add_argument("--systems", nargs="*", default=[*OURS, *PEERS])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--lake", type=Path, help="take the newest tower's vectors from this lake")
    parser.add_argument(
        "--again", action="store_true", help="measure what was measured before, too"
    )
    arguments = parser.parse_args()
    for name in arguments.sets:
        folder = PARTS / f"{name}-{arguments.items}"
        _vectors(name, folder, arguments.items, arguments.lake)
        for system in arguments.systems:
            part = folder / f"{system}.json"
            if arguments.again or not part.exists():
                part.write_text(json.dumps(_measured(system, folder)))
                print(f"{name} {system}: {part.read_text()}", flush=True)
    rows = [row for part in sorted(PARTS.glob("*/*.json")) for row in _rows(part)]
    report.publish("index", rows, seed=1, date=datetime.now(UTC).date().isoformat())  # noqa: TID251


def _rows(part: Path) -> list[report.Row]:
    found, (name, items) = json.loads(part.read_text()), part.parent.name.split("-")
    figures = {
        f"recall@{K}": (found["recall"], "share"),
        "queries/s": (found["rate"], "queries/s"),
        "seconds build": (found["build"], "seconds"),
        "index-mb": (found["index_mb"], "MB"),
        "peak-mb": (found["peak_mb"], "MB"),
    }
    made = (
        report.Row(name, "nearest", "mean", part.stem, m, K, int(items), v, u, RUNS)
        for m, (v, u) in figures.items()
    )
    return list(made)


# --- vectors -------------------------------------------------------------------------------------


def _vectors(name: str, folder: Path, m: int, lake: Path | None) -> None:
    """Items, users to tune on and users to test on, with the true neighbours of both."""
    if (folder / "test_truth.npy").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if name == "random":
        rng = np.random.default_rng(1)
        items, users = (
            _unit(rng.standard_normal((n, DIMENSIONS), np.float32)) for n in (m, TUNE + TEST)
        )
    elif lake is not None:
        items, users = _of_lake(lake)
    else:
        if not (folder / "items.npy").exists():
            subprocess.run(
                [sys.executable, "-m", "benchmarks.retrieval.tower_vectors", str(m), str(folder)],
                check=True,
            )
            shutil.rmtree(folder / "lake")
        items, users = np.load(folder / "items.npy"), np.load(folder / "users.npy")
    np.save(folder / "items.npy", items)
    users = users[np.random.default_rng(2).permutation(len(users))]
    np.save(folder / "tune.npy", users[:TUNE])
    np.save(folder / "test.npy", users[TUNE : TUNE + TEST])
    exact = ExactSearcher(_embeddings(folder, users[:2]))
    for part in ("tune", "test"):
        np.save(
            folder / f"{part}_truth.npy",
            exact.search(np.load(folder / f"{part}.npy")[:TRUTH], K)[0],
        )


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _of_lake(root: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    lake = Lake(root)
    made = open_embeddings(lake.require("embeddings", lake.keys("embeddings")[-1]))
    return np.array(made.item_vectors), np.array(made.user_vectors)


def _embeddings(folder: Path, users: npt.NDArray[np.float32]) -> Embeddings:
    """As `embed` leaves them, in a lake of its own."""
    lake = Lake(folder / "lake")
    with lake.writing("embeddings", "vectors", inputs={"at": str(time.time_ns())}) as draft:
        items = np.load(folder / "items.npy")
        np.save(draft.path / "item_keys.npy", np.arange(len(items), dtype=np.int32))
        np.save(draft.path / "item_vectors.npy", items)
        np.save(draft.path / "user_keys.npy", np.arange(len(users), dtype=np.int32))
        np.save(draft.path / "user_vectors.npy", users)
    assert draft.artifact is not None
    return open_embeddings(draft.artifact)


# --- systems -------------------------------------------------------------------------------------


def _measured(system: str, folder: Path) -> dict[str, Any]:
    """What one system reached, in a process of its own."""
    if system in PEERS:
        command = [str(peers.PYTHON), str(peers.SCRIPTS / "index.py")]
        command += [system, str(folder), str(K), str(FLOOR), str(THREADS)]
    else:
        command = [
            sys.executable,
            "-c",
            f"from benchmarks.retrieval.index import ours; ours({system!r}, {str(folder)!r})",
        ]
    env = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": str(THREADS)}
    done = subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def ours(system: str, where: str) -> None:
    """Exact search, or the index as a night builds it, held to its floor at K neighbours as the
    peers are.
    """
    folder = Path(where)
    embeddings = _embeddings(folder, np.load(folder / "tune.npy"))
    settings = {
        "project": "bench",
        "source": {"kind": "files", "events": "unused", "items": "unused"},
        "objectives": [{"name": "purchase", "events": ["purchase"]}],
        "generators": {"two_tower": K},
        "index": {"recall_k": K, "recall_floor": FLOOR, "sample_users": TUNE // 2},
        "resources": {"threads": THREADS},
    }
    facts: dict[str, Any] = {}
    size, started = 0, time.perf_counter()
    if system == "exact":
        searcher: Any = ExactSearcher(embeddings)
        built = 0.0
    else:
        with tempfile.TemporaryDirectory() as root:
            snapshot = Snapshot(parse_config(settings), Lake(root), embeddings.artifact)
            artifact = build_index(snapshot, embeddings, "bench")
            built = time.perf_counter() - started
            searcher = open_index(artifact, embeddings, THREADS)
            facts = dict(artifact.facts)
            size = sum(path.stat().st_size for path in artifact.path.rglob("*") if path.is_file())
    queries, truth = np.load(folder / "test.npy"), np.load(folder / "test_truth.npy")
    queries = queries[:TRUTH] if system == "exact" else queries
    rates = []
    for _ in range(RUNS):
        started = time.perf_counter()
        found, _ = searcher.search(queries, K)
        rates.append(len(queries) / (time.perf_counter() - started))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    recall = neighbour_recall(truth, found[:TRUTH])
    figures = {
        "recall": recall,
        "rate": float(np.median(rates)),
        "build": built,
        "index_mb": size / 1e6,
    }
    print(json.dumps({**figures, "peak_mb": peak, "effort": facts}))


if __name__ == "__main__":
    main()
