"""An erased user stays out of the lake, whatever the rows come from and however they come."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.erased_users import read_erased, remember
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.extract_result import open_extract
from recsys_tasks.sources.base import open_source
from tests.worlds import make_config

NOW = datetime(2026, 1, 6, 1, tzinfo=UTC)
GONE = "eve"
Source = dict[str, Any]


def events(days: range) -> pd.DataFrame:
    """Three users with a row each on each of these days of January 2026."""
    return pd.DataFrame(
        [
            {"user_id": user, "item_id": "tea", "timestamp": start_of(date(2026, 1, d)) + n}
            for d in days
            for n, user in enumerate(("ann", GONE, "bob"))
        ]
    ).assign(event="purchase")


ITEMS = pd.DataFrame({"item_id": ["tea"]})
USERS = pd.DataFrame({"user_id": ["ann", GONE, "bob"]})
TABLES = {"items": ITEMS, "users": USERS}


def as_files(suffix: str, write: Callable[[pd.DataFrame, Path], None]) -> Any:
    def deliver(folder: Path, days: range) -> Source:
        for name, table in {"events": events(days), **TABLES}.items():
            write(table, folder / f"{name}{suffix}")
        paths = {name: str(folder / f"{name}{suffix}") for name in ("events", "items", "users")}
        return {"kind": "files", **paths}

    return deliver


def write_json_lines(table: pd.DataFrame, path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_dict("records")))


def write_arrow(table: pd.DataFrame, path: Path) -> None:
    rows = pa.Table.from_pandas(table, preserve_index=False)
    with pa.ipc.new_file(path, rows.schema) as writer:
        writer.write_table(rows)


def as_bucket(folder: Path, days: range) -> Source:
    store = fsspec.filesystem("memory")
    for name, table in {"events": events(days), **TABLES}.items():
        store.pipe_file(f"/erased/{name}.csv", table.to_csv(index=False).encode())
    paths = {name: f"memory://erased/{name}.csv" for name in ("events", "items", "users")}
    return {"kind": "files", **paths}


def as_duckdb(folder: Path, days: range) -> Source:
    with duckdb.connect(str(folder / "shop.duckdb")) as database:
        for name, table in {"events": events(days), **TABLES}.items():
            database.register("delivered", table)
            database.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM delivered")
    tables = {name: name for name in ("events", "items", "users")}
    return {"kind": "sql", "url": f"duckdb://{folder / 'shop.duckdb'}", **tables}


def as_sqlite(folder: Path, days: range) -> Source:
    with sqlite3.connect(folder / "shop.db") as database:
        for name, table in {"events": events(days), **TABLES}.items():
            table.to_sql(name, database, index=False, if_exists="replace")
    tables = {name: name for name in ("events", "items", "users")}
    return {"kind": "sql", "url": f"sqlite://{folder / 'shop.db'}", **tables}


SOURCES: Mapping[str, Callable[[Path, range], Source]] = {
    "csv": as_files(".csv", lambda table, path: table.to_csv(path, index=False)),
    "parquet": as_files(".parquet", lambda table, path: table.to_parquet(path)),
    "json": as_files(".jsonl", write_json_lines),
    "arrow": as_files(".arrow", write_arrow),
    "bucket": as_bucket,
    "duckdb": as_duckdb,
    "sqlite": as_sqlite,
}


def night(folder: Path, source: Source, delivery: str, day: int) -> int:
    """Extract a night; the number of the erased user's rows that were left out."""
    config = make_config(source=source, clock="simulated", extract={"delivery": delivery})
    reader = open_source(config, folder)
    extract(config, Lake(folder / "lake"), reader, date(2026, 1, day), NOW)
    reader.close()
    return open_extract(Lake(folder / "lake"), date(2026, 1, day)).erased_rows


def users_in(lake: Lake, since: set[str]) -> set[str]:
    """Users of the raw events and tables that were written since."""
    found: set[str] = set()
    for kind, name in (("raw_events", "events"), ("raw_users", "users")):
        for key in lake.keys(kind):
            for made in lake.versions(kind, key):
                if made.reference not in since:
                    rows = pq.read_table(made.file(f"{name}.parquet"), columns=["user_id"])
                    found |= set(rows["user_id"].to_pylist())
    return found


@pytest.mark.parametrize("delivery", ["full", "append", "delta"])
@pytest.mark.parametrize("name", SOURCES)
def test_an_erased_user_does_not_come_back(name: str, delivery: str, tmp_path: Path) -> None:
    """Erased after the night of the 4th. The night of the 6th is delivered all days (of a delta
    the 4th and 5th alone): none of eve's rows is kept, and each that was read is counted.
    """
    lake = Lake(tmp_path / "lake")
    assert night(tmp_path, SOURCES[name](tmp_path, range(1, 4)), delivery, 4) == 0
    assert GONE in users_in(lake, set())
    before = {
        made.reference
        for kind in ("raw_events", "raw_users")
        for key in lake.keys(kind)
        for made in lake.versions(kind, key)
    }
    remember(lake, read_erased(lake), GONE, 1, NOW, "ann")
    days = range(4, 6) if delivery == "delta" else range(1, 6)
    left_out = night(tmp_path, SOURCES[name](tmp_path, days), delivery, 6)
    assert users_in(lake, before) == {"ann", "bob"}
    assert left_out >= 2  # eve's rows of the 4th and the 5th, and of further days that were read
