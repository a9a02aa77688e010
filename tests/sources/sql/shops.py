"""One made-up shop, written into each kind of database that runs here, and read by a slow way."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa

from recsys_tasks.config import Config
from recsys_tasks.sources.tables import TableName, TableReader, Window

NIGHT = datetime(2026, 3, 1, tzinfo=UTC)
USERS = [str(uuid.UUID(int=n)) for n in range(1, 8)]
_ODD: dict[str, list[Any]] = {
    "timestamp": [None, "1969-12-31 23:59:59", "9999-12-31 00:00:00", "1753-01-01 00:00:00"],
    "seconds": [None, -1, 0, 20260115, 2026011510, 253402300800],
    "milliseconds": [None, -1, 1768471200, 253402300800000],
}


def settings(source: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Settings of the shop; `kind` is how its times are stored."""
    unit = "seconds" if kind in ("timestamp", "date") else kind
    return {
        "project": "sql",
        "source": dict(source),
        "events": {
            "timestamp_unit": unit,
            "timestamp_column": "ts",
            "price_column": "price",
            "event_column": "event",
            "kinds": [{"name": "purchase"}, {"name": "view", "weight": 0.5}],
        },
        "items": {
            "title_column": "title",
            "attributes": [
                {"name": "category", "kind": "categorical"},
                {"name": "cost", "kind": "numeric"},
            ],
        },
        "objectives": [{"name": "purchase", "events": ["purchase"]}],
    }


def rows(seed: int, kind: str, n: int = 400) -> list[tuple[Any, ...]]:
    """(user_id, item_id, time, event, price) of about 40 days, odd times among them."""
    draw = random.Random(seed)
    made = []
    for _ in range(n):
        second = int(NIGHT.timestamp()) - draw.randrange(-5 * 86_400, 40 * 86_400)
        second -= draw.choice([0, 0, second % 86_400])  # many at midnight, a bound of every window
        moment = datetime.fromtimestamp(second, UTC)
        time: Any = {
            "timestamp": f"{moment:%Y-%m-%d %H:%M:%S}.{draw.choice(['0', '6', '999999'])}",
            "date": f"{moment:%Y-%m-%d}",
            "seconds": second,
            "milliseconds": second * 1000 + draw.randrange(1000),
        }[kind]
        if draw.random() < 0.05:
            time = draw.choice(_ODD.get(kind, [None]))
        price = draw.choice(["9.90", "0.10", None])
        made.append(
            (
                draw.choice(USERS),
                draw.randrange(1, 9),
                time,
                draw.choice(["purchase", "view"]),
                price,
            )
        )
    return made


_TYPES = {"timestamp": "TIMESTAMP", "date": "DATE", "seconds": "BIGINT", "milliseconds": "BIGINT"}


def tables(kind: str, zone: str = "") -> list[str]:
    """What makes the shop's tables; numbers of a price are exact decimals, user ids UUIDs."""
    return [
        "CREATE TABLE interactions (user_id UUID, item_id BIGINT,"
        f" ts {_TYPES[kind]}{zone}, event TEXT, price DECIMAL(10, 2))",
        "CREATE TABLE items (item_id BIGINT, title TEXT, category TEXT, cost DECIMAL(8, 3))",
        "INSERT INTO items SELECT n, 'Item ' || n, 'c' || (n % 3), n * 1.125"
        " FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS numbers (n)",
    ]


def make_duckdb(path: Path, kind: str, made: Sequence[tuple[Any, ...]], zone: str = "") -> str:
    """The shop as a DuckDB file; its URL."""
    with duckdb.connect(str(path)) as database:
        database.execute("SET TimeZone = 'UTC'")
        for statement in tables(kind, zone):
            database.execute(statement)
        database.executemany("INSERT INTO interactions VALUES (?, ?, ?, ?, ?)", made)
    return f"duckdb://{path}"


def make_sqlite(path: Path, kind: str, made: Sequence[tuple[Any, ...]]) -> str:
    """The shop as an SQLite file; its URL."""
    with sqlite3.connect(path) as database:
        create, items, fill = tables(kind)
        database.execute(create)
        database.execute(items)
        database.execute(
            fill.replace("AS numbers (n)", "")
            .replace("SELECT n", "SELECT column1")
            .replace("|| n", "|| column1")
            .replace("(n %", "(column1 %")
            .replace("n * 1.125", "column1 * 1.125")
        )
        database.executemany("INSERT INTO interactions VALUES (?, ?, ?, ?, ?)", made)
    return f"sqlite://{path}"


def make_postgres(url: str, kind: str, made: Sequence[tuple[Any, ...]], zone: str = "") -> None:
    """The shop in schema `shop` of a PostgreSQL server."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP SCHEMA IF EXISTS shop CASCADE")
        database.execute("CREATE SCHEMA shop")
        database.execute("SET search_path = shop; SET TIME ZONE 'UTC'")
        for statement in tables(kind, zone):
            database.execute(statement)
        with database.cursor() as cursor:
            cursor.executemany("INSERT INTO interactions VALUES (%s, %s, %s, %s, %s)", made)


class SlowReader(TableReader):
    """Every row of the list, whatever is asked for: the base class alone decides what is read."""

    def __init__(self, config: Config, made: Sequence[tuple[Any, ...]]) -> None:
        super().__init__(config)
        columns = list(zip(*made, strict=True))
        names = ("user_id", "item_id", "ts", "event", "price")
        self._events = pa.table(
            {
                name: pa.array(column, pa.int64())
                if isinstance(column[0], int) or (name == "ts" and type(column[1]) is int)
                else pa.array([None if v is None else str(v) for v in column], pa.string())
                for name, column in zip(names, columns, strict=True)
            }
        )

    def fingerprint(self) -> str:
        return ""

    def parts(self, table: TableName) -> Sequence[str]:
        return ["rows"] if table == "events" else []

    def load(
        self, table: TableName, part: str, columns: Mapping[str, bool], window: Window | None
    ) -> pa.Table:
        return self._events.select(list(columns))
