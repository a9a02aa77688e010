"""`make bench-source`: a first and a second night of a shop in PostgreSQL, extract and freeze.

The server is the embedded one. Each night runs in a process of its own, whose seconds and peak
memory are printed; beside it stands the floor: ADBC reading the same columns and keeping none.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import report
from recsys_tasks.config import parse_config
from recsys_tasks.database import EmbeddedServer

FIRST_NIGHT, DAYS = date(2026, 3, 1), 180
USERS, ITEMS = 1_000_000, 100_000
_FILL = """
CREATE SCHEMA IF NOT EXISTS shop;
DROP TABLE IF EXISTS shop.interactions, shop.items;
CREATE UNLOGGED TABLE shop.interactions
    (user_id bigint, item_id bigint, at timestamptz, event text, price numeric(10, 2));
INSERT INTO shop.interactions
    SELECT (random() * {users})::bigint, (random() * random() * {items})::bigint,
           timestamptz '{end} 00:00+00' - random() * interval '{days} days',
           CASE WHEN random() < 0.2 THEN 'purchase' ELSE 'view' END,
           round((random() * 99)::numeric, 2)
    FROM generate_series(1, {rows});
CREATE INDEX ON shop.interactions (at);
CREATE UNLOGGED TABLE shop.items AS
    SELECT n AS item_id, 'Item ' || n AS title, 'c' || n % 50 AS category
    FROM generate_series(0, {items}) n;
ANALYZE;
"""
_SETTINGS: dict[str, Any] = {
    "project": "warehouse",
    "clock": "simulated",  # the next night is already there
    "source": {"kind": "sql", "url": "${SHOP_URL}", "events": "shop.interactions"},
    "events": {
        "timestamp_column": "at",
        "event_column": "event",
        "price_column": "price",
        "kinds": [{"name": "purchase"}, {"name": "view", "weight": 0.3}],
    },
    "items": {"title_column": "title", "attributes": [{"name": "category", "kind": "categorical"}]},
    "objectives": [{"name": "purchase", "events": ["purchase"]}],
}
_SETTINGS["source"]["items"] = "shop.items"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000, help="interactions in the database")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--lake", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(_STEPS[arguments.step](arguments.lake)))
        return
    with tempfile.TemporaryDirectory(prefix="source-") as folder:
        server = EmbeddedServer.start(Path(folder) / "server")
        try:
            url = server.urls()["recsys_owner"].replace("postgresql+psycopg", "postgresql")
            os.environ["SHOP_URL"] = url
            _fill(url, arguments.rows)
            lake = Path(folder) / "lake"
            rows = [row for step in _STEPS for row in _measured(step, lake, arguments.rows)]
        finally:
            server.stop()
    report.publish("source", rows, seed=1, date=datetime.now(UTC).date().isoformat(), by_size=True)  # noqa: TID251


def _fill(url: str, rows: int) -> None:
    end = FIRST_NIGHT + timedelta(days=1)
    sizes = {"users": min(USERS, rows), "items": min(ITEMS, rows), "rows": rows}
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(_FILL.format(end=end, days=DAYS, **sizes))


def _measured(step: str, lake: Path, size: int) -> Iterator[report.Row]:
    command = [sys.executable, "-m", "benchmarks.sources.sql", "--step", step, "--lake", str(lake)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    for (metric, unit), value in zip(_METRICS, json.loads(done.stdout), strict=True):
        yield report.Row("made up", "postgres", "mean", step, metric, 0, size, value, unit)


def _night(as_of: date) -> Any:
    def run(folder: Path) -> list[float]:
        from recsys_tasks.lake import Lake
        from recsys_tasks.snapshot.extract import extract
        from recsys_tasks.snapshot.freeze import freeze
        from recsys_tasks.sources.base import open_source

        config, lake = parse_config(_SETTINGS), Lake(folder)
        now = datetime.combine(as_of, datetime.min.time(), UTC) + timedelta(hours=2)
        began = time.perf_counter()
        source = open_source(config, folder)
        extract(config, lake, source, as_of, now)
        source.close()
        read = time.perf_counter() - began
        freeze(config, lake, as_of, now)
        return _figures(began, read)

    return run


def _floor(folder: Path) -> list[float]:
    from adbc_driver_postgresql import dbapi

    began = time.perf_counter()
    with dbapi.connect(os.environ["SHOP_URL"]) as shop, shop.cursor() as cursor:
        cursor.execute("SELECT user_id, item_id, at, event, price::text FROM shop.interactions")
        for batch in cursor.fetch_record_batch():
            del batch  # read, and not kept
    return _figures(began, time.perf_counter() - began)


def _figures(began: float, reading: float) -> list[float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [time.perf_counter() - began, reading, peak]


_METRICS = (("seconds", "s"), ("of these reading", "s"), ("peak memory", "MB"))
_STEPS = {
    "floor": _floor,
    "first night": _night(FIRST_NIGHT),
    "next night": _night(FIRST_NIGHT + timedelta(days=1)),
}

if __name__ == "__main__":
    main()
