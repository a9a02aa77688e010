"""Every query of docs/how-to/cookbook.md on a shop that keeps many nights: `python -m
benchmarks.serving.many_nights --users 1000000`.

Publishes nights through the calls of a night on an embedded server of its own, which is removed
afterwards: `--whole` with a list for every user, and before them as many as
`serving.keep_publications` keeps with a list for one user in a thousand, whose counts are those of
a whole one. What the monitor stage counts of each kept night, of `monitoring.history_nights` and of
`monitoring.figure_nights` is written beside them, made up. Then each query is timed as
`python -m benchmarks.serving.cookbook` does.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from benchmarks.serving.cookbook import timed
from benchmarks.serving.loading import CONFIG, SHARDS, SPARES, K, pool, shard_batches
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import parse_config
from recsys_tasks.database import EmbeddedServer, create_engine, migrate
from recsys_tasks.lake import Lake
from recsys_tasks.serving.load import FALLBACK_SCHEMA, load_dimensions, load_fallbacks, load_lists
from recsys_tasks.serving.publication import CheckLimits, PublicationSpec
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.snapshot.dataset import Snapshot, write_snapshot

NEWEST = date(2026, 3, 2)
"""The date that the cookbook's queries name."""
SQL = Path(__file__).with_suffix(".sql")
LIMITS = CheckLimits(0, 1, 1)  # thin nights show few items
COUNTRIES = 50
_OLDER = "SELECT p.id FROM recsys.publication AS p ORDER BY p.as_of DESC LIMIT :nights"
_SIZES = """
SELECT c.relname, CAST(c.reltuples AS bigint) FROM pg_class AS c
WHERE c.relnamespace = CAST('recsys' AS regnamespace) AND c.relkind = 'r' AND c.reltuples > 5000
  AND c.relname !~ '_rows_[0-9]+$'
ORDER BY 2 DESC
"""
THIN = 1000
"""Of the kept nights before the whole ones, one user in so many has a list."""


def snapshot(folder: Path, users: int, items: int) -> Snapshot:
    """A shop without events, whose users live in COUNTRIES countries."""
    keys, products = np.arange(users), np.arange(items)
    return write_snapshot(
        parse_config(CONFIG),
        Lake(folder),
        NEWEST,
        users=pa.table(
            {
                "user_key": pa.array(keys, pa.int32()),
                "user_id": np.char.add("u", keys.astype(str)),
                "country": np.char.add("c", (keys % COUNTRIES).astype(str)),
            }
        ),
        items=pa.table(
            {
                "item_key": pa.array(products, pa.int32()),
                "item_id": np.char.add("i", products.astype(str)),
                "title": np.char.add("Item ", products.astype(str)),
                "available_from": 1_700_000_000 + products % 1000 * 86_400 // 10,
                "available": np.ones(items, np.bool_),
                "kind": np.char.add("k", (products % 50).astype(str)),
            }
        ),
        parts={},
    )


def publish_night(engine: sa.Engine, as_of: date, users: int, batches: list[pa.RecordBatch]) -> int:
    """One night with lists of the first `users` users; returns its publication's number."""
    spec = PublicationSpec(as_of, Cutoffs.at(as_of), str(as_of), "r", "t", users, K, SPARES, SHARDS)
    now = datetime(as_of.year, as_of.month, as_of.day, 1, tzinfo=UTC)
    publication = create_publication(engine, spec, now)
    for shard in range(SHARDS):
        load_lists(engine, publication, shard_batches(batches, users, shard), shard)
    segments = ["", *(f"c{n}" for n in range(COUNTRIES))]
    fallback = pa.table(
        {
            "segment": segments,
            "items": [list(range(K))] * len(segments),
            "scores": [[0.5] * K] * len(segments),
        }
    ).cast(FALLBACK_SCHEMA)
    load_fallbacks(engine, publication, fallback)
    finish(engine, publication, LIMITS)
    assert publish(engine, publication, "nightly", now).moved
    return publication.id


def run_part(connection: sa.Connection, part: str, values: Mapping[str, object]) -> None:
    """Run the statements of a part of `many_nights.sql`."""
    (text,) = re.findall(rf"^-- == {part}\n(.*?)(?=^-- == |\Z)", SQL.read_text(), re.M | re.S)
    for statement in re.split(r";$", text, flags=re.M):
        if statement.strip():
            connection.execute(sa.text(statement), values)


def fill(server: EmbeddedServer, folder: Path, of: argparse.Namespace) -> None:
    """All nights, and what is counted of them."""
    engine, owner = (create_engine(server.urls()[role]) for role in ("recsys", "recsys_owner"))
    values = {**vars(of), "newest": NEWEST}
    load_dimensions(engine, snapshot(folder, of.users, of.items))
    batches = pool(of.items)
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for part in ("tables", "every night"):
            run_part(connection, part, values)
        run_part(connection, "history", values)
        for number in connection.scalars(sa.text(_OLDER), {"nights": of.history - of.kept}).all():
            for part in ("counted", "retired"):
                run_part(connection, part, {"id": number})
        for ago in range(of.kept - 1, -1, -1):
            started = time.perf_counter()
            users = of.users if ago < of.whole else max(of.users // THIN, 100)
            number = publish_night(engine, NEWEST - timedelta(days=ago), users, batches)
            for part in ("counted", "kept", *(["newest"] if ago < 2 else [])):
                run_part(connection, part, {**values, "id": number})
            print(f"{users:,} lists, {time.perf_counter() - started:.0f} s", flush=True)
        connection.exec_driver_sql("VACUUM ANALYZE")
        for name, rows in connection.execute(sa.text(_SIZES)):
            print(f"{name}: {rows:,} rows", flush=True)
    engine.dispose()
    owner.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--whole", type=int, default=3, help="nights with a list for every user")
    parser.add_argument("--kept", type=int, default=30, help="serving.keep_publications")
    parser.add_argument("--history", type=int, default=90, help="monitoring.history_nights")
    parser.add_argument("--figures", type=int, default=1100, help="monitoring.figure_nights")
    parser.add_argument("--folder", type=Path, help="keep the server here, or ask the one there")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="nightshelf-nights-"))
    filled = (folder / "filled").exists()
    server = EmbeddedServer.start(folder / "home")
    try:
        migrate(server.urls()["recsys_owner"])
        if not filled:
            fill(server, folder / "lake", arguments)
            (folder / "filled").touch()
        slow = timed(server.urls()["recsys_reader"], exports=False, segment="c1")
        return min(slow, 1)
    finally:
        server.stop()
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
