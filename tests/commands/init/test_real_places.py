"""`recsys init` on real data sets: a database or a bucket gets the proposal of the folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import psycopg
import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.init import DatabasePlace, FolderPlace, StorePlace, file_text, propose
from tests.commands.init.test_init import NOW

pytestmark = pytest.mark.slow
SETS = ("amazon-beauty-s3rec", "completejourney-sample", "movietweetings", "online-retail-ii")
_TYPES = {"int64": "BIGINT", "float64": "DOUBLE PRECISION", "datetime64[us]": "TIMESTAMP"}


@pytest.fixture(params=SETS)
def folder(request: pytest.FixtureRequest) -> Path:
    data = os.environ.get("RECSYS_TEST_DATA")
    if not data:
        pytest.skip("RECSYS_TEST_DATA is not set: no real data sets to look at")
    return Path(data) / str(request.param)


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables as a warehouse has them: ids are text, numbers are numbers."""
    found = {}
    for path in sorted(folder.glob("*.*")):
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        elif path.suffix == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
            for name in frame:
                numbers = pd.to_numeric(frame[name], errors="coerce")
                if not str(name).endswith("_id") and numbers.notna().eq(frame[name].notna()).all():
                    frame[name] = numbers
        else:
            continue
        found[path.stem] = frame
    return found


def settings_of(place: Any) -> dict[str, Any]:
    found = {s.key: s.value for s in propose(place, NOW).settings}
    return {k: v for k, v in found.items() if not k.startswith(("source", "project"))}


def test_a_bucket_gets_the_proposal_of_the_folder(folder: Path) -> None:
    store = fsspec.filesystem("memory")
    for path in folder.glob("*.*"):
        store.put_file(str(path), f"/{folder.name}/{path.name}")
    assert settings_of(StorePlace(f"memory://{folder.name}")) == settings_of(FolderPlace(folder))


def test_sqlite_gets_the_proposal_of_the_folder(folder: Path, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        for name, frame in tables(folder).items():
            frame.to_sql(name, database, index=False)
    place = DatabasePlace(f"sqlite://{tmp_path / 'shop.db'}")
    assert settings_of(place) == settings_of(FolderPlace(folder))
    read_by_config_check(place, tmp_path)


def test_postgresql_gets_the_proposal_of_the_folder(
    folder: Path, tmp_path: Path, postgres: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres["recsys_owner"].replace("postgresql+psycopg://", "postgresql://")
    monkeypatch.setenv("SHOP_URL", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS warehouse CASCADE")
        connection.execute("CREATE SCHEMA warehouse")
        for name, frame in tables(folder).items():
            kinds = [_TYPES.get(str(kind), "TEXT") for kind in frame.dtypes]
            columns = ", ".join(f'"{c}" {k}' for c, k in zip(frame.columns, kinds, strict=True))
            connection.execute(f"CREATE TABLE warehouse.{name} ({columns})")
            copied = f"COPY warehouse.{name} FROM STDIN"
            rows = frame.astype(object).where(frame.notna(), None)
            with connection.cursor() as cursor, cursor.copy(copied) as copy:
                for row in rows.itertuples(index=False):
                    copy.write_row(tuple(row))
    place = DatabasePlace("${SHOP_URL}")
    assert settings_of(place) == settings_of(FolderPlace(folder))
    read_by_config_check(place, tmp_path)


def read_by_config_check(place: DatabasePlace, folder: Path) -> None:
    path = folder / "recsys.yaml"
    path.write_text(file_text(propose(place, NOW)), encoding="utf-8")
    checked = CliRunner().invoke(app, ["config", "check", str(path)])
    assert checked.exit_code == 0, checked.output
