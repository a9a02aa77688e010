"""What is kept of a user, exported: all that an erasure would take out, and nothing is changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from recsys_tasks.commands.erase_user import find_user
from recsys_tasks.commands.export_user import as_json, export_user
from recsys_tasks.commands.verify import DAMAGED_FOLDER
from recsys_tasks.errors import DataError
from recsys_tasks.ids import read_ids
from tests.stages.erased_world import (
    HURT,
    NOW,
    ODD,
    PLAIN,
    World,
    answers,
    erase,
    files_with,
    shop_of_odd_users,
    tables_with,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with shop_of_odd_users(tmp_path_factory.mktemp("export")) as made:
        yield made


def files_of(folder: Path) -> dict[str, int]:
    """Files with their times; the database server and its logs are at work while it is asked."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith("postgres")
    }


def exported(world: World, user: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(as_json(export_user(world.environment, user, NOW)))
    return found


@pytest.mark.parametrize("user", [ODD, PLAIN, HURT])
def test_the_export_has_what_an_erasure_would_take_out(world: World, user: str) -> None:
    before = files_of(world.environment.home)
    found = exported(world, user)
    assert files_of(world.environment.home) == before
    would_go = {place.name: place.rows for place in find_user(world.environment, user).places}
    assert found["places"] == would_go
    for name, rows in found["database"].items():
        assert len(rows) == would_go[f"recsys.{name}"]
    for kind in {name.removeprefix("lake ") for name in would_go if name.startswith("lake ")}:
        traces = [one for one in found["lake"] if one["artifact"].startswith(f"{kind}/")]
        assert sum(one["rows"] for one in traces) == would_go[f"lake {kind}"]
        assert all(any(values for values in one["files"].values()) for one in traces), kind


@pytest.mark.parametrize("user", [ODD, PLAIN])
def test_files_and_tables_that_name_the_user_are_in_the_export(world: World, user: str) -> None:
    """Found without the code under test: by bytes, by key, and row by row as the tables' owner."""
    key = int(read_ids(world.lake, "users").keys([user])[0])
    found = exported(world, user)
    assert found["user_key"] == key
    inside = {f"{one['artifact']}/{name}" for one in found["lake"] for name in one["files"]}
    named = files_with(Path(world.environment.lake), user, key)
    assert named and set(named) <= inside
    # A partitioned table has the rows of its parts; all sets of vectors are one place.
    parents = {"list_rows", "withheld_rows"}
    listed = {
        re.sub(r"^user_vectors_\d+$", "user_vectors", name)
        for name in tables_with(world, user, key)
        if name not in parents
    }
    assert listed and listed <= {name.partition(".")[0] for name in found["database"]}


def test_values_are_those_that_are_kept(world: World) -> None:
    found = exported(world, ODD)
    home = world.environment.home
    events = pa.concat_tables(
        [pq.read_table(path) for path in sorted(home.glob("shop/events/*.parquet"))
         if path.stem < "2026-02-16"]
    )  # fmt: skip
    own = [row for row in events.to_pylist() if row["user_id"] == ODD]
    raw = [
        row
        for one in found["lake"]
        if one["artifact"].startswith("raw_events/")
        for row in one["files"].get("events.parquet", ())
    ]
    assert len(raw) == len(own) > 10
    assert sorted(row["item_id"] for row in raw) == sorted(row["item_id"] for row in own)
    (row,) = found["database"]["list_rows_1"]
    with world.first.engine.connect() as connection:
        query = sa.text("SELECT item_id FROM recsys.recommend(:user, 10)")
        assert row["item_ids"][:10] == connection.scalars(query, {"user": ODD}).all()
    (vector,) = found["database"]["user_vectors"]
    served = np.array(json.loads(vector["vector"]), np.float32)
    vectors = [
        np.array(one["files"]["user_vectors.npy"]["values"][0], np.float32)
        for one in found["lake"]
        if one["artifact"].startswith("embeddings/")
    ]
    assert any(np.allclose(served, one, atol=1e-6) for one in vectors)
    ids = read_ids(world.lake, "items").ids
    assert {row["item_id"] for row in raw} & set(ids) <= set(found["item_ids"].values())
    assert found["database"]["release_events.why"][0]["why"] == [f"user {ODD} complained"]
    (alert,) = [path for path in found["texts"] if path.startswith("alerts/")]
    assert any("complained" in quote for quote in found["texts"][alert])


def test_the_command_writes_a_private_file_once(world: World, tmp_path: Path) -> None:
    environment = {**os.environ, "RECSYS_HOME": str(world.environment.home)}
    to = tmp_path / "export.json"
    words = [sys.executable, "-m", "recsys_tasks.cli", "export-user", ODD]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*words, *more], env=environment, capture_output=True, text=True)

    done = run("--to", str(to))
    assert done.returncode == 0, done.stderr
    assert to.stat().st_mode & 0o777 == 0o600 and ODD not in done.stdout
    assert run("--to", str(to)).returncode == 1
    shown = json.loads(run().stdout)
    kept = json.loads(to.read_text())
    assert {**shown, "read_at": ""} == {**kept, "read_at": ""}


def test_who_is_nowhere_is_refused_and_damaged_files_are_named(world: World) -> None:
    with pytest.raises(DataError, match="nothing was changed") as refused:
        export_user(world.environment, "nobody-17", NOW)
    assert "nobody-17" not in str(refused.value)
    folder = world.environment.home / DAMAGED_FOLDER / "events"
    folder.mkdir(parents=True)
    (folder / "events.parquet").write_bytes(b"PAR1")
    (names,) = exported(world, ODD)["not_read"].values()
    assert names == [f"{DAMAGED_FOLDER}/events/events.parquet"]


def test_after_an_erasure_there_is_nothing_to_export(world: World) -> None:
    user = sorted(answers(world.first))[0]
    assert exported(world, user)["places"]
    erase(world, user)
    with pytest.raises(DataError, match="is nowhere"):
        export_user(world.environment, user, NOW)
