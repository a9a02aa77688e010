"""What is wrong with a database is said in four parts, and never with its password."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pydantic
import pytest

from recsys_tasks.config import parse_config
from recsys_tasks.errors import ConfigError, RecsysError, SchemaError, TransientError
from recsys_tasks.sources.base import open_source, source_of
from recsys_tasks.sources.sql import reader as sql_reader
from recsys_tasks.sources.sql.address import address_of
from recsys_tasks.sources.sql.relation import Query
from tests.sources.sql.shops import make_duckdb, make_postgres, rows, settings
from tests.sources.sql.test_reader import AS_OF, libpq

PASSWORD = "s3cret+word/%41"


def reader_of(folder: Path, **source: Any) -> Any:
    given = {"kind": "sql", "events": "interactions", "items": "items", **source}
    reader = open_source(parse_config(settings(given, "timestamp")), folder)
    reader.prepare(AS_OF)
    return reader


def failure(folder: Path, **source: Any) -> RecsysError:
    """What a night raises; with its traceback it does not hold the password."""
    with pytest.raises(RecsysError) as caught:
        reader_of(folder, **source).read_events(None, AS_OF)
    printed = "".join(traceback.format_exception(caught.value))
    for secret in (PASSWORD, "s3cret"):
        assert secret not in printed
    return caught.value


def test_a_missing_file_table_and_column_are_named(tmp_path: Path) -> None:
    url = make_duckdb(tmp_path / "shop.duckdb", "timestamp", rows(0, "timestamp", 10))
    gone = failure(tmp_path, url=f"duckdb://{tmp_path}/gone.duckdb")
    assert isinstance(gone, ConfigError)
    assert (gone.found, gone.where) == ("no such file", f"{tmp_path}/gone.duckdb")
    assert not (tmp_path / "gone.duckdb").exists()
    table = failure(tmp_path, url=url, events="sales")
    assert isinstance(table, ConfigError)
    assert "sales" in table.found
    assert "source.events at duckdb://" in table.where
    query = failure(tmp_path, url=url, events={"query": "SELECT nothing FROM interactions"})
    assert isinstance(query, ConfigError)
    few = "SELECT item_id, user_id, ts, event FROM interactions"
    column = failure(tmp_path, url=url, events={"query": few})
    assert isinstance(column, SchemaError)
    assert "'price'" in column.expected


def test_columns_of_another_case_are_pointed_at(tmp_path: Path) -> None:
    url = make_duckdb(tmp_path / "shop.duckdb", "timestamp", rows(0, "timestamp", 10))
    query = 'SELECT item_id, user_id AS "USER_ID", ts, event, price FROM interactions'
    error = failure(tmp_path, url=url, events={"query": query})
    assert "is it 'user_id' for 'USER_ID'?" in error.found


@pytest.mark.parametrize("given", ["url", "uri", "json"])
def test_a_wrong_password_is_in_no_output(
    given: str, tmp_path: Path, postgres: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from urllib.parse import quote, unquote, urlsplit

    right = urlsplit(libpq(postgres["recsys_reader"]))
    folder = unquote(right.query.removeprefix("host="))
    url = f"postgresql://{right.username}:{quote(PASSWORD, safe='')}@/recsys?{right.query}"
    source: dict[str, Any] = {"url": "${SHOP_URL}"} if given == "url" else {"connection": "shop-db"}
    whole = {
        "conn_type": "postgres", "login": right.username, "password": PASSWORD, "schema": "recsys",
        "extra": json.dumps({"host": folder}),
    }  # fmt: skip
    monkeypatch.setenv("SHOP_URL", url)
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", json.dumps(whole) if given == "json" else url)
    error = failure(tmp_path, **source)
    assert isinstance(error, ConfigError), error
    assert "authentication failed" in error.found


def test_a_password_in_the_settings_is_refused_without_being_repeated() -> None:
    source = {"kind": "sql", "url": f"postgres://me:{PASSWORD}@host/shop", "events": "e"}
    with pytest.raises((ConfigError, pydantic.ValidationError)) as caught:
        parse_config(settings({**source, "items": "i"}, "timestamp"))
    assert "a password does not belong into a settings file" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_connection_that_is_nowhere_names_both_ways_to_make_it() -> None:
    with pytest.raises(ConfigError) as caught:
        address_of(None, "shop-db", None)
    assert caught.value.where == "AIRFLOW_CONN_SHOP_DB"
    assert "airflow connections add shop-db" in caught.value.remedy


def test_a_query_that_writes_is_refused() -> None:
    for text in (
        "DELETE FROM interactions",
        "SELECT 1; DROP TABLE items",
        "/* SELECT */ DELETE FROM interactions",
        "SELECT ';' -- '\n; DROP TABLE items",
        "-- SELECT 1",
    ):
        source = {"kind": "sql", "url": "duckdb:///x", "events": {"query": text}, "items": "i"}
        with pytest.raises((ConfigError, pydantic.ValidationError), match="one SELECT"):
            parse_config(settings(source, "timestamp"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("(SELECT 1 AS a) UNION (SELECT 2)", None),
        ("-- this year's;\nSELECT 1 AS a", None),
        ("/* all; */ (\n with x AS (SELECT 1 AS a) SELECT * FROM x)", None),
        (
            "SELECT ';' AS a, 'it''s -- no remark' AS b;",
            "SELECT ';' AS a, 'it''s -- no remark' AS b",
        ),
        ("SELECT 1 AS a ; -- the end;", "SELECT 1 AS a"),
    ],
)
def test_a_query_may_stand_in_brackets_and_among_remarks(text: str, kept: str | None) -> None:
    query = Query(query=text).query
    assert query == (kept or text)
    found = sorted(duckdb.sql(f"SELECT * FROM (\n{query}\n)").fetchall())
    assert found and found[0][0] in (1, ";")


def test_a_server_that_ends_in_the_middle_is_asked_again_and_gives_all(
    tmp_path: Path, postgres: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = libpq(postgres["recsys_owner"])
    make_postgres(owner, "timestamp", rows(4, "timestamp"))
    monkeypatch.setenv("SHOP_URL", owner)
    monkeypatch.setattr(sql_reader, "PIECE_ROWS", 40)
    tables = {"events": "shop.interactions", "items": "shop.items"}
    with closing(reader_of(tmp_path, url="${SHOP_URL}", **tables)) as reader:
        whole = reader.read_events(None, AS_OF)
    broken = reader_of(tmp_path, url="${SHOP_URL}", **tables)
    pieces = broken.read_pieces(None, AS_OF)
    next(pieces)
    with psycopg.connect(owner, autocommit=True) as shop:
        shop.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE state = 'idle in transaction' AND query LIKE '%interactions%'"
        )
    with pytest.raises(TransientError) as caught:
        list(pieces)
    assert "it is retried" in caught.value.remedy
    broken.close()
    # A reader that is left open keeps its tables locked until it is collected.
    with closing(reader_of(tmp_path, url="${SHOP_URL}", **tables)) as again:
        assert sum(piece.num_rows for piece in again.read_pieces(None, AS_OF)) == whole.num_rows


def test_config_check_says_what_the_first_rows_show(tmp_path: Path) -> None:
    made = [*rows(5, "timestamp", 30), (None, 1, "2026-01-01 00:00:00", "view", None)]
    url = make_duckdb(tmp_path / "shop.duckdb", "timestamp", made)
    found: list[tuple[bool, str]] = []
    for items in ("items", "products"):
        given = {"kind": "sql", "url": url, "events": "interactions", "items": items}
        config = parse_config(settings(given, "timestamp"))
        found += source_of(config).examine(config, config.source)
    (well, words), (broken, mistake) = found
    assert well and not broken
    assert words.startswith("database: events 31 rows looked at, ")
    assert "items 8 rows looked at" in words
    assert "products" in mistake and "source.items at duckdb://" in mistake
