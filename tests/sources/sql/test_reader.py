"""A database is read as a slow reader of the same rows would read them, whatever its own work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.config import Config, parse_config
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.sql import reader as sql_reader
from recsys_tasks.sources.sql.reader import SqlReader
from tests.sources.sql.shops import (
    NIGHT,
    USERS,
    SlowReader,
    make_duckdb,
    make_postgres,
    make_sqlite,
    rows,
    settings,
)

AS_OF = NIGHT.date()
KINDS = ("timestamp", "date", "seconds", "milliseconds")
_ORDER = [(name, "ascending") for name in ("ts", "user_id", "item_id", "event", "price")]


def libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def open_shop(
    backend: str, folder: Path, postgres: Mapping[str, str], kind: str, made: Any, zone: str = ""
) -> tuple[SqlReader, Config]:
    """A reader of the rows in a database of this kind."""
    source: dict[str, Any] = {"kind": "sql", "events": "interactions", "items": "items"}
    if backend == "postgres":
        make_postgres(libpq(postgres["recsys_owner"]), kind, made, zone)
        source |= {"events": "shop.interactions", "items": "shop.items", "url": "${SHOP_URL}"}
    elif backend == "duckdb":
        source["url"] = make_duckdb(folder / "shop.duckdb", kind, made, zone)
    else:
        source["url"] = make_sqlite(folder / "shop.db", kind, made)
    config = parse_config(settings(source, kind))
    reader = open_source(config, folder)
    assert isinstance(reader, SqlReader)
    reader.prepare(AS_OF)
    return reader, config


@pytest.fixture
def _shop_url(monkeypatch: pytest.MonkeyPatch, postgres: Mapping[str, str]) -> None:
    monkeypatch.setenv("SHOP_URL", libpq(postgres["recsys_owner"]))


def same(found: pa.Table, expected: pa.Table) -> bool:
    """Whether both hold the same rows; what was delivered in place of a time may be spelt in two
    ways.
    """
    names = ["user_id", "item_id", "ts", "event", "price"]
    known = [t.append_column("odd", pc.is_valid(t["ts_fault"])) for t in (found, expected)]
    one, other = (t.select([*names, "odd"]).combine_chunks().sort_by(_ORDER) for t in known)
    return bool(one.equals(other))


@pytest.mark.usefixtures("_shop_url")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["duckdb", "sqlite", "postgres"])
def test_windows_and_counts_are_those_of_a_slow_reader(
    backend: str, kind: str, tmp_path: Path, postgres: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    made = rows(KINDS.index(kind), kind)
    reader, config = open_shop(backend, tmp_path, postgres, kind, made)
    slow = SlowReader(config, made)
    slow.prepare(AS_OF)
    for first in (None, AS_OF - timedelta(days=30), AS_OF - timedelta(days=1), AS_OF):
        expected = slow.read_events(first, AS_OF)
        assert expected["ts"].null_count > 3
        assert same(reader.read_events(first, AS_OF), expected), first
        monkeypatch.setattr(sql_reader, "PIECE_ROWS", 40)
        pieces = list(reader.read_pieces(first, AS_OF))
        assert backend == "sqlite" or first != AS_OF - timedelta(days=30) or len(pieces) > 5
        assert same(pa.concat_tables(pieces), expected), first
        assert all(piece["ts"].null_count == 0 for piece in pieces[1:])
    for day in (AS_OF, AS_OF - timedelta(days=7)):
        assert reader.count_days(day) == slow.count_days(day)
    for second in (start_of(AS_OF), start_of(AS_OF) + 3601, start_of(AS_OF) - 86_399):
        assert reader.count_after(second) == slow.count_after(second), second
    gone = pa.array(USERS[:2])

    def without(table: pa.Table) -> pa.Table:
        return table.filter(pc.invert(pc.is_in(table["user_id"], value_set=gone)))

    assert reader.count_days(AS_OF, without) == slow.count_days(AS_OF, without)
    assert sum(reader.count_days(AS_OF, without).values()) < sum(reader.count_days(AS_OF).values())
    reader.close()


@pytest.mark.usefixtures("_shop_url")
@pytest.mark.parametrize("backend", ["duckdb", "postgres"])
def test_times_with_a_zone_are_read_as_utc(
    backend: str, tmp_path: Path, postgres: Mapping[str, str]
) -> None:
    made = rows(9, "timestamp")
    reader, config = open_shop(backend, tmp_path, postgres, "timestamp", made, " WITH TIME ZONE")
    slow = SlowReader(config, made)
    slow.prepare(AS_OF)
    first = AS_OF - timedelta(days=3)
    assert same(reader.read_events(first, AS_OF), slow.read_events(first, AS_OF))
    assert reader.count_days(AS_OF) == slow.count_days(AS_OF)
    reader.close()


@pytest.mark.usefixtures("_shop_url")
@pytest.mark.parametrize("backend", ["duckdb", "sqlite", "postgres"])
def test_items_and_ids_are_as_they_were_written(
    backend: str, tmp_path: Path, postgres: Mapping[str, str]
) -> None:
    reader, _ = open_shop(backend, tmp_path, postgres, "date", rows(1, "date"))
    items = reader.read_items().sort_by("item_id").to_pylist()
    assert [row["item_id"] for row in items] == [str(n) for n in range(1, 9)]
    assert items[2]["title"] == "Item 3"
    assert items[2]["cost"] == 3.375
    users = pc.unique(reader.read_events(None, AS_OF)["user_id"]).to_pylist()
    assert sorted(users) == sorted(USERS)
    reader.close()


@pytest.mark.usefixtures("_shop_url")
def test_infinite_timestamps_are_no_times(tmp_path: Path, postgres: Mapping[str, str]) -> None:
    made = [(USERS[1], 2, "2026-02-28 23:59:59", "view", "1.00")]
    made += [(USERS[0], 1, text, "view", "NaN") for text in ("infinity", "-infinity")]
    reader, _ = open_shop("postgres", tmp_path, postgres, "timestamp", made)
    for first in (None, AS_OF - timedelta(days=1)):
        read = reader.read_events(first, AS_OF)
        assert (read.num_rows, read["ts"].null_count) == (3, 2)
        assert read["ts_fault"].null_count == 1
    assert reader.count_days(AS_OF) == {AS_OF - timedelta(days=1): 1}
    reader.close()


@pytest.mark.usefixtures("_shop_url")
def test_a_query_is_a_table_and_all_tables_are_of_one_moment(
    tmp_path: Path, postgres: Mapping[str, str]
) -> None:
    import psycopg

    make_postgres(libpq(postgres["recsys_owner"]), "timestamp", rows(3, "timestamp"))
    columns = "user_id, item_id, ts AS at, event, price"
    few = "item_id < 5 AND event <> ';' -- few"
    query = f"SELECT {columns} FROM shop.interactions WHERE {few}"
    raw = settings(
        {
            "kind": "sql", "url": "${SHOP_URL}", "events": {"query": query}, "items": "shop.items",
            "users": {"query": "SELECT DISTINCT user_id FROM shop.interactions"},
        },
        "timestamp",
    )  # fmt: skip
    raw["events"]["timestamp_column"] = "at"
    reader = open_source(parse_config(raw), tmp_path)
    reader.prepare(AS_OF)
    read = reader.read_events(None, AS_OF)
    assert set(read["item_id"].to_pylist()) == {"1", "2", "3", "4"}
    with psycopg.connect(libpq(postgres["recsys_owner"]), autocommit=True) as shop:
        shop.execute("DELETE FROM shop.items; DELETE FROM shop.interactions")
    assert reader.read_items().num_rows == 8
    assert reader.read_users().num_rows == 7
    reader.close()
    assert reader.read_items().num_rows == 0
    reader.close()


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "trino", "databricks", "mysql"])
@pytest.mark.parametrize(
    "kind", ["timestamp('UTC')", "timestamp", "date", "int64", "decimal(38, 0)"]
)
def test_windows_and_counts_compile_for_warehouses(dialect: str, kind: str) -> None:
    import ibis

    from recsys_tasks.sources.sql.pushdown import can_push, day_of_time, within, without_time
    from recsys_tasks.sources.times.rule import event_times

    events = ibis.table({"user_id": "string", "at": kind, "note": "string"}, name="interactions")
    rule = event_times(parse_config(settings({"kind": "shop"}, "timestamp")), start_of(AS_OF))
    assert can_push(events["at"].type(), rule)
    wanted = within(events["at"], rule, start_of(AS_OF) - 86_400, start_of(AS_OF))
    rows = events.filter(wanted | without_time(events["at"], rule)).select("user_id", "at")
    text = ibis.to_sql(rows, dialect=dialect)
    assert "WHERE" in text and "note" not in text and "IS NULL" in text
    assert ("2026" in text) == (kind not in ("int64", "decimal(38, 0)"))
    counted = events.group_by(day=day_of_time(events["at"], rule)).agg(n=events.count())
    assert "GROUP BY" in ibis.to_sql(counted, dialect=dialect)


def test_an_sqlite_file_does_not_change_while_a_night_reads(
    tmp_path: Path, postgres: Mapping[str, str]
) -> None:
    import sqlite3

    reader, _ = open_shop("sqlite", tmp_path, postgres, "date", rows(6, "date", 50))
    read = reader.read_events(None, AS_OF)
    shop = sqlite3.connect(tmp_path / "shop.db", timeout=0.1)
    with pytest.raises(sqlite3.OperationalError, match="locked"), shop:
        shop.execute("DELETE FROM interactions")
    assert reader.read_items().num_rows == 8
    assert reader.read_events(None, AS_OF).num_rows == read.num_rows
    reader.close()
    with shop:
        shop.execute("DELETE FROM interactions")
    shop.close()
