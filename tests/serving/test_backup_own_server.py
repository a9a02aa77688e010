"""Backup and restore with a PostgreSQL of one's own, and a registry in a file."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import Engine

from recsys_tasks.commands.backup import back_up, restore
from recsys_tasks.config import DEFAULT_CONFIG, Environment
from recsys_tasks.database import EmbeddedServer, clients, create_engine
from recsys_tasks.database.addresses import read_secrets
from recsys_tasks.database.roles import SUPERUSER, add_extensions
from recsys_tasks.errors import ConfigError, DamagedArtifact
from recsys_tasks.ids import extend_ids, read_ids
from recsys_tasks.lake import Lake
from tests.database.schemas import drop_schema
from tests.serving.nights import FIRST, publish_night, shown, stock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def environment(folder: Path, database: str) -> Environment:
    folder.mkdir(exist_ok=True)
    registry = f"sqlite:///{folder}/mlflow.db"
    return Environment(
        home=folder / "home",
        lake=f"memory://{folder.parent.name}/{folder.name}",  # a store that is no folder
        database_url=database,
        mlflow_url=registry,
        config_path=DEFAULT_CONFIG,
    )


@pytest.fixture
def one(empty: Mapping[str, str], writer: Engine, tmp_path: Path) -> Environment:
    """A home whose database has a published night, as the schema's owner has it."""
    stock(writer)
    publish_night(writer, 0)
    made = environment(tmp_path / "one", empty["recsys_owner"])
    extend_ids(Lake(made.lake, cache=tmp_path / "cache"), "users", ["a", "b"])
    (made.home / "alerts").mkdir(parents=True)
    (made.home / "alerts" / "note.json").write_text("{}")
    with closing(sqlite3.connect(made.home.parent / "mlflow.db")) as registry:
        registry.execute("CREATE TABLE registered_models (name text)")
        registry.execute("INSERT INTO registered_models VALUES ('shop')")
        registry.commit()
    return made


def administrator(server: EmbeddedServer) -> psycopg.Connection[Any]:
    """The server's administrator, in database airflow."""
    known = read_secrets(server.home)
    return psycopg.connect(
        host=known["socket"],
        user=SUPERUSER,
        password=known["passwords"][SUPERUSER],
        dbname="airflow",
        autocommit=True,
    )


@pytest.fixture
def other_database(postgres: Mapping[str, str], embedded_server: EmbeddedServer) -> Iterator[str]:
    """Another database of the server, without tables in schema recsys."""
    drop_schema(postgres["airflow"])
    yield postgres["airflow"]
    drop_schema(postgres["airflow"])
    with administrator(embedded_server) as connection:
        connection.execute("DROP EXTENSION IF EXISTS vector")


def test_a_backup_comes_back_in_another_database(
    one: Environment,
    other_database: str,
    embedded_server: EmbeddedServer,
    reader: Engine,
    tmp_path: Path,
) -> None:
    before = shown(reader)
    done = back_up(one, tmp_path / "backup", NOW)
    assert (done.about.night, done.about.dumped_by) == (str(FIRST), 18)
    files = set(done.about.files)
    assert {name for name in files if not name.startswith("lake/")} == {
        "recsys.dump", "mlflow.sqlite", "home/alerts/note.json", "settings/recsys.yaml",
    }  # fmt: skip
    assert any(re.fullmatch(r"lake/ids/users/[^/]+/ids\.parquet", name) for name in files)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "backup").glob("*.dump")} == {0}
    two = environment(tmp_path / "two", other_database)
    with pytest.raises(ConfigError, match="CREATE EXTENSION vector"):
        restore(two, tmp_path / "backup")
    with administrator(embedded_server) as connection:
        add_extensions(connection)
    restore(two, tmp_path / "backup")
    engine = create_engine(other_database)
    assert shown(engine) == before
    engine.dispose()
    assert (two.home / "alerts" / "note.json").read_text() == "{}"
    with closing(sqlite3.connect(tmp_path / "two" / "mlflow.db")) as registry:
        assert registry.execute("SELECT name FROM registered_models").fetchall() == [("shop",)]
    assert read_ids(Lake(two.lake, cache=tmp_path / "other"), "users").ids == ("a", "b")
    three = environment(tmp_path / "three", other_database)
    with pytest.raises(ConfigError, match="DROP SCHEMA recsys CASCADE"):
        restore(three, tmp_path / "backup")
    assert not three.home.exists()


def test_the_role_of_nights_is_told_to_be_the_owner(
    one: Environment, empty: Mapping[str, str], tmp_path: Path
) -> None:
    nightly = one.model_copy(update={"database_url": empty["recsys"]})
    with pytest.raises(ConfigError, match="URL_OF_THE_SCHEMA_OWNER") as caught:
        back_up(nightly, tmp_path / "backup", NOW)
    assert caught.value.found == "role recsys_writer" and ":***@" in caught.value.where
    assert not (tmp_path / "backup" / "backup.json").exists()


def test_a_server_that_no_pg_dump_here_is_new_enough_for_is_refused(
    one: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "server_version", lambda url: 99)  # there is none yet
    with pytest.raises(ConfigError, match="apt-get install postgresql-client-99") as caught:
        back_up(one, tmp_path / "backup", NOW)
    assert caught.value.expected.startswith("pg_dump 99 or later") and "18" in caught.value.found


def test_a_damaged_lake_is_not_backed_up(one: Environment, tmp_path: Path) -> None:
    lake = Lake(one.lake, cache=tmp_path / "cache")
    victim = next(path for path in lake.root.rglob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    with pytest.raises(DamagedArtifact, match="recsys verify") as caught:
        back_up(one, tmp_path / "backup", NOW)
    assert "/ids.parquet" in caught.value.found
    assert not (tmp_path / "backup" / "backup.json").exists()


def test_a_folder_that_is_used_or_within_the_home_is_refused(
    one: Environment, tmp_path: Path
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="new or empty"):
        back_up(one, tmp_path / "used", NOW)
    with pytest.raises(ConfigError, match="the next backup does not copy"):
        back_up(one, one.home / "kept" / "backup", NOW)
