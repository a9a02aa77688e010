"""What it costs to load, check, seal and show a night's lists: `python -m
benchmarks.serving.loading --users 100000`.

Fills synthetic lists through the calls of a night on an embedded server of its own, which is
removed afterwards. Wall times depend on who else uses the machine; CPU times of the client and of
all server processes less so.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import sqlalchemy as sa

from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import parse_config
from recsys_tasks.database import EmbeddedServer, create_engine, migrate
from recsys_tasks.lake import Lake
from recsys_tasks.serving.load import FALLBACK_SCHEMA, load_dimensions, load_fallbacks, load_lists
from recsys_tasks.serving.publication import CheckLimits, PublicationSpec
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.snapshot.dataset import Snapshot, write_snapshot

K, SPARES, SHARDS, BATCH, POOL = 100, 10, 4, 10_000, 4
FIRST = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)
LIMITS = CheckLimits(min_coverage=0.5, max_identical_share=0.01, max_list_churn=0.95)
CONFIG = {
    "project": "loading",
    "source": {"kind": "files", "events": "unused", "items": "unused"},
    "objectives": [{"name": "purchase", "events": ["purchase"]}],
    "users": {"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
    "items": {"attributes": [{"name": "kind", "kind": "categorical"}], "category": "kind"},
}


class Meter:
    """Prints wall and CPU time of each step, and remembers the largest private memory of the
    server.
    """

    def __init__(self, server: EmbeddedServer, engine: sa.Engine, users: int) -> None:
        self.postmaster = psutil.Process(server.server.get_pid() or 0)
        self.engine, self.users, self.peak, self.wall, self.cpu = engine, users, 0, 0.0, 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self.postmaster.is_running():
            with suppress(psutil.Error):  # one that ends while it is looked at
                memory = [process.memory_info() for process in self.postmaster.children()]
                self.peak = max([self.peak, *(used.rss - used.shared for used in memory)])
            time.sleep(0.2)

    def _server_cpu(self) -> float:
        """Seconds of the server and all its processes, ended ones too."""
        total = sum(self.postmaster.cpu_times()[:4])
        for process in self.postmaster.children():
            with suppress(psutil.Error):
                total += sum(process.cpu_times()[:2])
        return total

    def _wal(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.text("SELECT pg_current_wal_lsn() - '0/0'")) or 0)

    @contextmanager
    def step(self, name: str, counted: bool = True) -> Iterator[None]:
        wal, server, client, wall = (
            self._wal(),
            self._server_cpu(),
            time.process_time(),
            time.perf_counter(),
        )
        yield
        seconds = time.perf_counter() - wall
        time.sleep(0.1)  # a session that ended is counted once it is gone
        client, server, wal = (
            time.process_time() - client,
            self._server_cpu() - server,
            self._wal() - wal,
        )
        if counted:
            self.wall, self.cpu = self.wall + seconds, self.cpu + client + server
        print(
            f"{name:22} {seconds:7.2f} s  {self.users / seconds:9.0f} users/s  CPU client"
            f" {client:6.2f} s, server {server:6.2f} s  WAL {wal / self.users:6.0f} B/user",
            flush=True,
        )


def pool(items: int) -> list[pa.RecordBatch]:
    """A few batches of lists without repeated items; they are given to other users again and
    again.
    """
    size, rng = K + SPARES, np.random.default_rng(1)
    offsets = np.arange(BATCH + 1, dtype=np.int32) * size
    places = np.broadcast_to(np.arange(size), (BATCH, size))

    def lists(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.ListArray.from_arrays(offsets, pa.array(values.ravel(), kind))

    def batch() -> pa.RecordBatch:
        start, stride = (
            rng.integers(0, items, (BATCH, 1)),
            rng.integers(1, items // size, (BATCH, 1)),
        )
        reasons = (rng.random((BATCH, size)) < 0.2).astype(np.int8)
        columns = {
            "user_key": pa.array(np.arange(BATCH, dtype=np.int32)),
            "variant": pa.array(["default"] * BATCH),
            "rung": pa.array(np.zeros(BATCH, np.int8)),
            "items": lists((start + rng.permuted(places, axis=1) * stride) % items, pa.int32()),
            "scores": lists(-np.sort(-rng.random((BATCH, size), dtype=np.float32)), pa.float32()),
            "sources": lists(rng.integers(1, 64, (BATCH, size)), pa.int16()),
            "reasons": lists(reasons, pa.int8()),
            "reason_items": lists(
                np.where(reasons, rng.integers(0, items, (BATCH, size)), -1), pa.int32()
            ),
            "ranks_before": lists(rng.permuted(places, axis=1) + 1, pa.int16()),
            "propensities": lists(np.ones((BATCH, size), np.float32), pa.float32()),
            "short_reason": pa.nulls(BATCH, pa.string()),
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema.LISTS.schema)

    return [batch() for _ in range(POOL)]


def shard_batches(
    batches: list[pa.RecordBatch], users: int, shard: int
) -> Iterator[pa.RecordBatch]:
    """The shard's users in blocks, each with the lists of one batch of the pool."""
    keys = np.arange(shard, users, SHARDS, dtype=np.int32)
    for number, start in enumerate(range(0, len(keys), BATCH)):
        own = keys[start : start + BATCH]
        batch = batches[number % POOL].slice(0, len(own))
        yield pa.RecordBatch.from_arrays([pa.array(own), *batch.columns[1:]], schema=batch.schema)


def snapshot(folder: Path, users: int, items: int, night: int) -> Snapshot:
    """A shop without events; one user in a hundred moves every night."""
    keys, products = np.arange(users), np.arange(items)
    countries = np.where(keys % 100 == night, "fr", np.where(keys % 3 == 0, "nl", "be"))
    config = parse_config(CONFIG)
    return write_snapshot(
        config,
        Lake(folder),
        FIRST + timedelta(days=night),
        users=pa.table(
            {
                "user_key": pa.array(keys, pa.int32()),
                "user_id": np.char.add("u", keys.astype(str)),
                "country": countries,
            }
        ),
        items=pa.table(
            {
                "item_key": pa.array(products, pa.int32()),
                "item_id": np.char.add("i", products.astype(str)),
                "title": np.char.add("Item ", products.astype(str)),
                "available_from": np.zeros(items, np.int64),
                "available": np.ones(items, np.bool_),
                "kind": np.char.add("k", (products % 50).astype(str)),
            }
        ),
        parts={},
    )


def measure(server: EmbeddedServer, folder: Path, users: int, items: int, nights: int) -> None:
    """The calls of each night, in order."""
    engine = create_engine(server.urls()["recsys"])
    batches = pool(items)
    fallback = pa.table({"segment": [""], "items": [list(range(K))], "scores": [[0.5] * K]}).cast(
        FALLBACK_SCHEMA
    )
    for night in range(nights):
        shop, meter = snapshot(folder, users, items, night), Meter(server, engine, users)
        as_of = FIRST + timedelta(days=night)
        spec = PublicationSpec(
            as_of, Cutoffs.at(as_of), f"f{night}", "r", "t", users, K, SPARES, SHARDS
        )
        publication = create_publication(engine, spec, NOW)
        with meter.step("dimensions", counted=False):
            load_dimensions(engine, shop)
        with meter.step("dimensions, unchanged", counted=False):
            load_dimensions(engine, shop)
        with meter.step("lists"):
            for shard in range(SHARDS):
                load_lists(engine, publication, shard_batches(batches, users, shard), shard)
        with meter.step("fallbacks"):
            load_fallbacks(engine, publication, fallback)
        with meter.step("checks and seal"):
            finish(engine, publication, LIMITS)
        with meter.step("publish"):
            assert publish(engine, publication, "benchmark", NOW).moved
        with engine.connect() as connection:
            assert connection.scalar(PASSED, {"id": publication.id})
            size = connection.scalar(
                sa.text("SELECT pg_total_relation_size(CAST(:name AS regclass))"),
                {"name": f"recsys.{publication.partition}"},
            )
        print(
            f"night {night + 1}: {users} users, lists to publish {meter.wall / users * 1e6:.0f} µs"
            f" wall and {meter.cpu / users * 1e6:.0f} µs CPU a user; {int(size or 0) / users:.0f} B"
            " a user; peak memory client"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, largest server"
            f" process {meter.peak / 2**20:.0f} MB beside the shared buffers",
            flush=True,
        )
    engine.dispose()


PASSED = sa.text(
    "SELECT bool_and((c ->> 'passed')::boolean)"
    " FROM recsys.publication AS p, jsonb_array_elements(p.checks) AS c WHERE p.id = :id"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--nights", type=int, default=1)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nightshelf-loading-"))
    server = EmbeddedServer.start(folder / "home")
    try:
        migrate(server.urls()["recsys_owner"])
        measure(server, folder / "lake", arguments.users, arguments.items, arguments.nights)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
