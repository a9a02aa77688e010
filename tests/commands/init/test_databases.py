"""`recsys init` on a database proposes what it proposes on the same tables in files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pytest
import yaml
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.init import DatabasePlace, FolderPlace, Place, propose
from recsys_tasks.config import load_config
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.base import open_source
from tests.commands.init.test_init import FIRST, NOW, visits

_TYPES = {"when": "TIMESTAMP", "price": "DOUBLE PRECISION", "weight": "DOUBLE PRECISION"}


def tables() -> dict[str, pd.DataFrame]:
    """Visits, 20 items and 40 users, as a warehouse has them."""
    rows = pd.DataFrame(visits(), columns=["n", "p", "moment", "what"])
    orders = pd.DataFrame(
        {
            "customer_id": "c" + rows.n.astype(str),
            "product_id": "p" + rows.p.astype(str),
            "when": rows.moment.dt.tz_localize(None),
            "action": rows.what,
            "price": 5.5,
        }
    )
    products = pd.DataFrame(
        {
            "product_id": [f"p{n}" for n in range(20)],
            "name": [f"Lamp {n}" for n in range(20)],
            "colour": ["red", "blue", "green", "grey"] * 5,
            "weight": [n / 8 for n in range(20)],
        }
    )
    customers = pd.DataFrame(
        {"customer_id": [f"c{n}" for n in range(40)], "country": ["DE", "NL"] * 20}
    )
    return {"customers": customers, "orders": orders, "products": products}


def folder_of(folder: Path) -> Place:
    for name, table in tables().items():
        table.to_parquet(folder / f"{name}.parquet")
    return FolderPlace(folder)


def duckdb_of(path: Path) -> Place:
    with duckdb.connect(str(path)) as database:
        for name, table in tables().items():
            database.register("delivered", table)
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM delivered")
    return DatabasePlace(f"duckdb://{path}")


def sqlite_of(path: Path) -> Place:
    with sqlite3.connect(path) as database:
        for name, table in tables().items():
            table.to_sql(name, database, index=False)
    return DatabasePlace(f"sqlite://{path}")


def postgres_of(url: str) -> Place:
    """In a schema of its own, beside the pipeline's, which is no shop's."""
    with psycopg.connect(url, autocommit=True) as connection:
        fill_schema(connection, "warehouse")
    return DatabasePlace("${SHOP_URL}")


def fill_schema(connection: psycopg.Connection, schema: str, times: int = 1) -> None:
    """The tables in a schema of PostgreSQL, with so many times the orders."""
    connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    connection.execute(f"CREATE SCHEMA {schema}")
    for name, frame in tables().items():
        table = pd.concat([frame] * times) if name == "orders" else frame
        columns = ", ".join(f'"{c}" {_TYPES.get(c, "TEXT")}' for c in table.columns)
        connection.execute(f"CREATE TABLE {schema}.{name} ({columns})")
        copied = f"COPY {schema}.{name} FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(copied) as copy:
            for row in table.itertuples(index=False):
                copy.write_row(tuple(row))


@pytest.fixture
def places(
    tmp_path: Path, postgres: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, Place]:
    url = postgres["recsys_owner"].replace("postgresql+psycopg://", "postgresql://")
    monkeypatch.setenv("SHOP_URL", url)
    (tmp_path / "files").mkdir()
    return {
        "files": folder_of(tmp_path / "files"),
        "duckdb": duckdb_of(tmp_path / "shop.duckdb"),
        "sqlite": sqlite_of(tmp_path / "shop.db"),
        "postgres": postgres_of(url),
    }


def proposed(place: Place) -> dict[str, Any]:
    """The proposal without what must differ: where the tables are and what the place is called."""
    settings = {setting.key: setting.value for setting in propose(place, NOW).settings}
    return {
        key: value for key, value in settings.items() if not key.startswith(("source", "project"))
    }


def test_every_database_gets_the_proposal_of_the_files(places: Mapping[str, Place]) -> None:
    expected = proposed(places["files"])
    assert expected["events.timestamp_column"] == "when"
    assert [a["name"] for a in expected["items.attributes"]] == ["name", "colour", "weight"]
    for name in ("duckdb", "sqlite", "postgres"):
        assert proposed(places[name]) == expected, name


@pytest.mark.parametrize("name", ["duckdb", "sqlite", "postgres"])
def test_the_proposal_is_read_by_a_night(
    places: Mapping[str, Place], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command as a person types it, then config check, then the rows."""
    place = places[name]
    assert isinstance(place, DatabasePlace)
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(app, ["init", str(place.url), "--yes"])
    assert made.exit_code == 0, made.output
    written = tmp_path / "recsys.yaml"
    source = yaml.safe_load(written.read_text())["source"]
    schema = "warehouse." if name == "postgres" else ""
    assert source["events"] == f"{schema}orders"
    assert source.get("url") == ("${SHOP_URL}" if name == "postgres" else place.url)
    checked = CliRunner().invoke(app, ["config", "check", str(written)])
    assert checked.exit_code == 0, checked.output
    reader = open_source(load_config(written), tmp_path)
    reader.prepare(NOW.date())
    assert reader.read_events(FIRST.date(), NOW.date()).num_rows == len(tables()["orders"])
    reader.close()


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        DatabasePlace("postgresql://reader:hunter2@localhost/shop")
    assert "hunter2" not in str(caught.value)
    assert "SHOP_DATABASE_URL" in caught.value.remedy


def test_an_empty_database_and_no_place_say_what_to_do(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").execute("PRAGMA user_version = 1").connection.close()
    said = CliRunner().invoke(app, ["init", f"sqlite://{tmp_path / 'empty.db'}", "--yes"])
    assert (said.exit_code, "GRANT SELECT" in said.output) == (1, True)
    said = CliRunner().invoke(app, ["init"])
    assert (said.exit_code, "--connection" in said.output) == (1, True)


@pytest.fixture
def two_shops(postgres: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database with a shop in each of two schemas, whose ids are alike: the second has
    three times the orders.
    """
    url = postgres["recsys_owner"].replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        fill_schema(connection, "archive")
        fill_schema(connection, "shop", times=3)
        yield url
        for schema in ("archive", "shop"):
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


def proposed_tables(url: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setenv("SHOP_URL", url)
    settings = {s.key: s.value for s in propose(DatabasePlace("${SHOP_URL}"), NOW).settings}
    return [settings[f"source.{table}"] for table in ("events", "items", "users")]


def test_items_and_users_are_those_of_the_schema_of_the_events(
    two_shops: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That another shop's customers have the same ids says nothing."""
    assert proposed_tables(two_shops, monkeypatch) == [
        "shop.orders",
        "shop.products",
        "shop.customers",
    ]


def test_only_the_schemas_of_a_search_path_are_looked_at(
    two_shops: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{two_shops}&options=-csearch_path%3Darchive"
    assert proposed_tables(url, monkeypatch) == ["orders", "products", "customers"]
