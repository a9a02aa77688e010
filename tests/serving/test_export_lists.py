"""`recsys export-lists`: whom a file holds, what stands in it, and that it is there whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands import export_lists as module
from recsys_tasks.serving.retire import drop_old
from tests.serving.nights import NOW, PLAIN, publish_night, stock


@pytest.fixture
def shop(
    writer: Engine, empty: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Engine:
    """Two nights: u1's list differs on the second. u4 of segment nl has no list of its own."""
    monkeypatch.setenv("RECSYS_DATABASE_URL", empty["recsys"])
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    stock(writer)
    with writer.begin() as connection:
        connection.execute(sa.text("INSERT INTO recsys.users VALUES (4, 'u4', 'nl')"))
    publish_night(writer, 0)
    publish_night(writer, 1, {**PLAIN, 1: [5, 4, 3, 2]})
    return writer


def export(to: Path | str, *options: str) -> str:
    done = CliRunner().invoke(app, ["export-lists", "--to", str(to), *options])
    assert done.exit_code == 0, done.output
    return done.output


def lists(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        assert int(row["rank"]) == len(found.setdefault(row["user_id"], [])) + 1
        found[row["user_id"]].append(row["item_id"])
    return found


def test_a_file_of_one_segment_has_all_its_users_and_what_they_are_shown(
    shop: Engine, tmp_path: Path
) -> None:
    """nl: u0 and u1 with lists of their own (i0, i1, i2 and i5, i4, i3), u4 with the segment's two
    places and the third of everyone's; the rest left out of nothing."""
    said = export(tmp_path / "nl.csv", "--segment", "nl")
    rows = list(csv.DictReader((tmp_path / "nl.csv").open()))
    assert lists(rows) == {
        "u0": ["i0", "i1", "i2"],
        "u1": ["i5", "i4", "i3"],
        "u4": ["i5", "i6", "i7"],
    }
    assert {row["user_id"]: row["served_by"] for row in rows} == {
        "u0": "own",
        "u1": "own",
        "u4": "segment",
    }
    assert "9 rows of 3 users (2 own, 1 segment)" in said
    with shop.connect() as connection:
        counted = connection.scalar(
            sa.text("SELECT sum(lists) FROM recsys.list_counts WHERE segment = 'nl'"
                    " AND publication_id = (SELECT publication_id FROM recsys.publications"
                    " WHERE current)")
        )  # fmt: skip
    assert counted == sum(row["served_by"] == "own" and row["rank"] == "1" for row in rows)


def test_every_format_holds_the_same_rows(shop: Engine, tmp_path: Path) -> None:
    for name in ("all.csv", "all.jsonl", "all.parquet"):
        export(tmp_path / name)
    parquet = pq.read_table(tmp_path / "all.parquet")
    assert parquet.schema.equals(module.SCHEMA)
    text = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    values = json.loads(json.dumps(parquet.to_pylist(), default=str))
    assert text == values
    given = list(csv.DictReader((tmp_path / "all.csv").open()))
    assert [row["item_id"] for row in given] == [row["item_id"] for row in text]
    assert len(text) == 15  # five users of three places each


def test_only_own_and_only_changed_lists_say_whom_they_leave_out(
    shop: Engine, tmp_path: Path
) -> None:
    said = export(tmp_path / "own.jsonl", "--own", "--k", "1")
    rows = [json.loads(line) for line in (tmp_path / "own.jsonl").read_text().splitlines()]
    assert [row["user_id"] for row in rows] == ["u0", "u1", "u2", "u3"]
    assert "left out: 1 users (1 segment)" in said
    said = export(tmp_path / "new.csv", "--changed-since", "2026-03-01")
    assert lists(list(csv.DictReader((tmp_path / "new.csv").open()))) == {"u1": ["i5", "i4", "i3"]}
    assert "left out: 4 users (3 own, 1 segment)" in said


def test_lists_that_are_compared_with_are_not_removed_meanwhile(
    shop: Engine, tmp_path: Path
) -> None:
    """Retention comes between the look for the first night's lists and the comparison with them.
    They stay until the export has ended: without them every list would be a changed one."""
    publish_night(shop, 2, {**PLAIN, 1: [5, 4, 3, 2]})
    retired: list[list[int]] = []

    def sweep(connection: Any, cursor: Any, statement: str, *further: Any) -> None:
        if "LATERAL" in statement and not retired:
            retired.append([])  # its own statements come here, too
            retired[0] = drop_old(shop, 0, NOW)

    sa.event.listen(shop, "before_cursor_execute", sweep)
    wanted = module.Wanted(changed_since=date(2026, 3, 1))
    with shop.begin() as connection:
        module.export_lists(connection, str(tmp_path / "new.csv"), wanted, replace=False)
    sa.event.remove(shop, "before_cursor_execute", sweep)
    assert retired == [[]]
    assert lists(list(csv.DictReader((tmp_path / "new.csv").open()))).keys() == {"u1"}
    assert len(drop_old(shop, 0, NOW)) == 1  # and goes afterwards


def test_a_file_is_there_whole_or_not_at_all_and_is_not_written_over(
    shop: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "lists.csv"
    export(target)
    before = target.read_bytes()
    refused = CliRunner().invoke(app, ["export-lists", "--to", str(target)])
    assert (refused.exit_code, "--replace" in refused.output) == (1, True)
    # An item id is no number: it breaks in the middle, when the file has been begun.
    place = module.SCHEMA.get_field_index("item_id")
    broken = module.SCHEMA.set(place, pa.field("item_id", pa.int32()))
    monkeypatch.setattr(module, "SCHEMA", broken)
    failed = CliRunner().invoke(app, ["export-lists", "--to", str(target), "--replace"])
    assert failed.exit_code != 0
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("shop")
def test_a_url_without_a_driver_is_refused() -> None:
    done = CliRunner().invoke(app, ["export-lists", "--to", "nowhere://bucket/lists.csv"])
    assert done.exit_code == 1
    assert "whose driver is installed" in done.output
    assert isinstance(done.exception, SystemExit)


def test_an_object_store_gets_the_file_too(shop: Engine) -> None:
    export("memory://bucket/lists.csv", "--segment", "be")
    with fsspec.open("memory://bucket/lists.csv", "rt") as file:
        assert lists(list(csv.DictReader(file))).keys() == {"u2", "u3"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "lists.xlsx"), ".parquet"),
        (("--to", "lists.csv", "--segment", "fr"), "segment 'fr'"),
        (("--to", "lists.csv", "--changed-since", "2026-02-01"), "recsys publications"),
        (("--to", "lists.csv", "--changed-since", "yesterday"), "yesterday"),
    ],
)
def test_what_cannot_be_exported_is_said_in_four_parts(
    shop: Engine,
    options: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, ["export-lists", *options])
    assert refused.exit_code == 1
    assert words in refused.output
    assert "todo" in refused.output
    assert not list(tmp_path.glob("lists*"))
