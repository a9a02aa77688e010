"""`make bench-precompute`: a night's lists, computed, loaded, checked, published, beside RecTools.

Sizes are run one after another, each in a lake and a database of its own. Two processes take the
shards, one thread each, as two tasks of the DAG would. The peer gets the same users and the very
same candidates, and keeps its lists in memory.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from benchmarks import peers, report
from benchmarks.crowd import AS_OF, ITEMS, SETTINGS, reopen
from benchmarks.peers.two_stage import export
from benchmarks.serving.memory import watched_memory
from benchmarks.serving.readers import latencies
from benchmarks.serving.rows import cookbook_rows, row, step_rows
from benchmarks.serving.steps import measured_steps
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import parse_config
from recsys_tasks.database import EmbeddedServer, create_engine, lower_session, migrate
from recsys_tasks.lake import Lake
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.serving.fallback import fallback_lists
from recsys_tasks.serving.load import load_dimensions, load_fallbacks, load_lists
from recsys_tasks.serving.precompute import Shard, active_users, list_batches, precompute_shard
from recsys_tasks.serving.publication import (
    CheckLimits,
    Publication,
    PublicationSpec,
    read_publication,
)
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.snapshot.dataset import open_snapshot
from recsys_tasks.stages.runner import SHARD_NICENESS

CONFIG = parse_config(SETTINGS)
NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)
SIZES = (10_000, 100_000, 1_000_000)
PEER_USERS = 20_000
PROCESSES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument(
        "--folder", type=Path, help="keep the crowds here, and use those that are there"
    )
    parser.add_argument(
        "--runs", type=int, default=1, help="publications measured of each size below a million"
    )
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--skip-readers", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="precompute-"))
    try:
        rows = list(_run(arguments, folder))
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251
    report.publish("precompute", rows, seed=1, date=today, by_size=True)


def _run(arguments: argparse.Namespace, folder: Path) -> Iterator[report.Row]:
    release = _release(folder, min(arguments.sizes))
    for size in arguments.sizes:
        crowd = _crowd(folder, size)
        with served(folder / f"home-{size}") as urls:
            runs = [
                _night(crowd, release, urls, run)
                for run in range(1 if size >= 1_000_000 else arguments.runs)
            ]
            yield from _figures(size, runs)
            if size == max(arguments.sizes):
                checks = runs[-1].seconds["checks and seal"]
                steps = measured_steps(crowd, release, urls, runs[-1].publication, checks)
                yield from step_rows(size, steps)
                if not arguments.skip_readers:
                    yield from _readers(crowd, release, urls, size)
                yield from cookbook_rows(urls, size, runs[-1].as_of)
        if not arguments.skip_peers and size == max(arguments.sizes):
            yield from _peers(
                folder, crowd, release, size, runs[-1].users / _published_seconds(runs[-1])
            )


def _crowd(folder: Path, size: int, *extra: str) -> Path:
    crowd = folder / f"crowd-{size}"
    if not (crowd / "index").exists():
        subprocess.run(
            [sys.executable, "-m", "benchmarks.crowd", str(size), str(crowd), *extra], check=True
        )
    return crowd


def _release(folder: Path, size: int) -> tuple[Path, str]:
    """Rankers trained once, on the smallest crowd: every size has the same columns."""
    crowd = _crowd(folder, size, "release")
    return crowd, Lake(crowd).keys("release")[0]


# --- a night --------------------------------------------------------------------------------------


@dataclass
class Night:
    """Seconds by step, and the largest memory of the shard processes and of the server, in MB."""

    publication: int
    users: int
    as_of: date
    seconds: dict[str, float] = field(default_factory=dict)
    shards_mb: float = 0.0
    server_mb: float = 0.0
    list_bytes: int = 0

    def timed(self, name: str, work: Callable[[], object]) -> object:
        started = time.perf_counter()
        result = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        return result


def _night(
    crowd: Path, release: tuple[Path, str], urls: dict[str, str], run: int, watched: bool = True
) -> Night:
    """What prepare_publication, the shards and publish_lists do, timed.

    `watched`: their memory is measured; the system walks the pages of every process for that, which
    readers notice.
    """
    snapshot, cutoffs = open_snapshot(CONFIG, Lake(crowd), AS_OF), Cutoffs.at(AS_OF)
    engine = create_engine(urls["recsys"])
    users = active_users(snapshot, CONFIG, cutoffs)
    serving = CONFIG.serving
    spec = PublicationSpec(
        AS_OF + timedelta(days=run),
        cutoffs,
        f"run-{run}-{time.time_ns()}",
        release[1],
        None,
        len(users),
        serving.k,
        serving.spares,
        serving.shards,
    )
    night = Night(0, len(users), spec.as_of)
    publication = create_publication(engine, spec, NOW)
    night.publication = publication.id
    night.timed("dimensions", lambda: load_dimensions(engine, snapshot))
    night.timed(
        "fallbacks",
        lambda: load_fallbacks(engine, publication, fallback_lists(snapshot, CONFIG, cutoffs)),
    )
    np.save(crowd / "users.npy", users)
    with watched_memory(night, urls["home"]) if watched else nullcontext():
        night.timed("shards", lambda: _shards(crowd, release, urls["recsys"], publication, run))
        ready = night.timed(
            "checks and seal", lambda: finish(engine, publication, CheckLimits.of(CONFIG))
        )
    assert isinstance(ready, Publication)
    shown = night.timed("pointer", lambda: publish(engine, ready, who="benchmark", now=NOW))
    assert getattr(shown, "moved", False), shown
    with engine.connect() as connection:
        size = sa.text("SELECT pg_total_relation_size(:table)")
        night.list_bytes = int(
            connection.scalar(size, {"table": f"recsys.{publication.partition}"}) or 0
        )
    engine.dispose()
    print(
        f"  {len(users):,} users: " + ", ".join(f"{n} {s:.1f} s" for n, s in night.seconds.items()),
        flush=True,
    )
    return night


def _shards(
    crowd: Path, release: tuple[Path, str], url: str, publication: Publication, run: int
) -> None:
    jobs = [
        (crowd, release, url, publication.id, run, shard) for shard in range(CONFIG.serving.shards)
    ]
    with mp.get_context("spawn").Pool(PROCESSES, maxtasksperchild=1) as pool:
        for _ in pool.imap_unordered(_shard, jobs, chunksize=1):
            pass


def _shard(job: tuple[Path, tuple[Path, str], str, int, int, int]) -> int:
    """One shard, computed and loaded, as one task of the DAG does it."""
    crowd, release, url, publication_id, run, shard = job
    os.nice(SHARD_NICENESS)
    os.setsid()  # as the launcher starts Airflow, whose tasks share a session
    lower_session(os.getpid())
    inputs, engine = reopen(crowd), create_engine(url)
    snapshot = open_snapshot(CONFIG, Lake(crowd), AS_OF)
    recommender = Recommender.of(
        snapshot, inputs, Ranker.open(Lake(release[0]).require("release", release[1]), 1)
    )
    artifact = precompute_shard(
        Lake(crowd / f"lists-{run}"),
        Shard(f"run-{publication_id}", shard, CONFIG.serving, {"run": str(time.time_ns())}),
        recommender,
        np.load(crowd / "users.npy"),
        eligible=np.ones(ITEMS, bool),
    )
    return load_lists(
        engine, read_publication(engine, publication_id), list_batches(artifact), shard
    )


@contextmanager
def served(home: Path) -> Iterator[dict[str, str]]:
    """An embedded server of its own, migrated; gone afterwards."""
    server = EmbeddedServer.start(home)
    try:
        urls = {**server.urls(), "home": str(home)}
        migrate(urls["recsys_owner"])
        yield urls
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


# --- figures --------------------------------------------------------------------------------------


def _figures(size: int, runs: list[Night]) -> Iterator[report.Row]:
    def middle(value: Callable[[Night], float]) -> float:
        return float(np.median([value(night) for night in runs]))

    def add(metric: str, value: float, unit: str) -> report.Row:
        return row(size, "nightshelf", metric, value, unit, len(runs))

    yield add("users/s", middle(lambda n: n.users / _published_seconds(n)), "users/s")
    yield add("peak-mb", middle(lambda n: n.shards_mb), "MB")
    yield add("server-peak-mb", middle(lambda n: n.server_mb), "MB")
    yield add("bytes-a-user", middle(lambda n: n.list_bytes / n.users), "bytes")
    for name in runs[0].seconds:
        yield add(f"seconds {name}", middle(lambda n, name=name: n.seconds[name]), "seconds")  # type: ignore[misc]


def _published_seconds(night: Night) -> float:
    """From the first shard's start to the moment that readers see the lists."""
    return sum(night.seconds[name] for name in ("shards", "checks and seal", "pointer"))


def _readers(
    crowd: Path, release: tuple[Path, str], urls: dict[str, str], size: int
) -> Iterator[report.Row]:
    """recommend() at 500 a second, before, during and after another publication of everyone's
    lists.
    """
    found = latencies(urls, size, lambda: _night(crowd, release, urls, 90, watched=False))
    for phase, (median, tail, answers) in found.items():
        words = f"p50 {median:.2f} ms, p99 {tail:.2f} ms ({answers} answers)"
        print(f"  readers {phase}: {words}", flush=True)
        yield row(size, "nightshelf", f"recommend p50 {phase}", median, "ms")
        yield row(size, "nightshelf", f"recommend p99 {phase}", tail, "ms")


def _peers(
    folder: Path, crowd: Path, release: tuple[Path, str], size: int, ours: float
) -> Iterator[report.Row]:
    shared = folder / "peers"
    shared.mkdir(exist_ok=True)
    export(crowd, release, shared, PEER_USERS)
    script = peers.SCRIPTS / "two_stage_run.py"
    subprocess.run([str(peers.PYTHON), str(script), str(shared)], check=True)
    for name, seconds in json.loads((shared / "seconds.json").read_text()).items():
        rate = min(PEER_USERS, size) / seconds
        print(
            f"  rectools, {name}: {rate:,.0f} users/s; published by nightshelf: {ours:,.0f},"
            f" {ours / rate:.1f}×",
            flush=True,
        )
        yield row(size, "rectools-two-stage", f"users/s, {name}", rate, "users/s")


if __name__ == "__main__":
    main()
