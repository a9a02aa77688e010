"""JSON files are read as the same rows in a CSV file are, and say where they are none."""

from __future__ import annotations

import gzip
import json
import random
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from recsys_tasks.config import Config
from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.files.json_lines import is_json, json_names
from recsys_tasks.sources.files.listing import list_files, passed_over
from tests.worlds import make_config

AS_OF = date(2026, 3, 1)
_NAMES = ("user_id", "item_id", "timestamp", "event", "price")


def config(folder: Path, name: str) -> Config:
    return make_config(
        source={
            "kind": "files",
            "events": str(folder / name),
            "items": str(folder / "items.jsonl"),
        },
        events={"kinds": [{"name": "purchase"}], "price_column": "price"},
        items={
            "attributes": [
                {"name": "tags", "kind": "multi"},
                {"name": "look", "kind": "vector", "dimensions": 2},
                {"name": "cost", "kind": "numeric"},
            ]
        },
    )


def read(folder: Path, name: str) -> pa.Table:
    reader = open_source(config(folder, name), folder)
    reader.prepare(AS_OF)
    return reader.read_events(None, AS_OF)


def made(seed: int) -> list[dict[str, Any]]:
    """Rows with values of many types; a key that is missing is a missing value."""
    draw = random.Random(seed)
    rows = []
    for n in range(60):
        row = {
            "user_id": draw.choice(["007", "a,b", 'say "hi"', 7, 2**60 + 1, "u\u00e9"]),
            "item_id": draw.choice(["x", 1009, "1009.0"]),
            "timestamp": draw.choice([1768471200 + n, "2026-01-15T10:00:00Z", "soon", None, -1]),
            "event": "purchase",
            "price": draw.choice([1, 2.5, "3", None, "none"]),
        }
        if draw.random() < 0.3:
            del row["price"]
        rows.append(row)
    return rows


@pytest.mark.parametrize("form", ["lines", "list", "indented", "packed", "bom"])
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_of_the_same_csv_file(tmp_path: Path, form: str, seed: int) -> None:
    import csv

    rows = made(seed)
    with (tmp_path / "events.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_NAMES)
        for row in rows:
            writer.writerow(["" if row.get(n) is None else row[n] for n in _NAMES])
    text = "\n".join(json.dumps(row) for row in rows) + "\n"
    if form in ("list", "indented"):
        text = json.dumps(rows, indent=1 if form == "indented" else None)
    raw = text.encode("utf-8-sig" if form == "bom" else "utf-8")
    (tmp_path / "events.jsonl").write_bytes(gzip.compress(raw) if form == "packed" else raw)
    found, expected = read(tmp_path, "events.jsonl"), read(tmp_path, "events.csv")
    assert found.num_rows == 60 == expected.num_rows
    assert str(found.to_pylist()) == str(expected.to_pylist())  # a NaN equals none


def test_lists_are_lists_of_tags_and_vectors(tmp_path: Path) -> None:
    items = [
        {"item_id": "a", "tags": ["red", "big"], "look": [0.5, 1], "cost": 1.5},
        {"item_id": "b", "tags": [], "look": [1, -0.25], "cost": "2"},
        {"item_id": "c", "cost": None},
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    table = open_source(config(tmp_path, "unused"), tmp_path).read_items()
    assert table["tags"].to_pylist() == ["red|big", None, None]
    looks = [look["numbers"] for look in table["look"].to_pylist()]
    assert looks == [[0.5, 1.0], [1.0, -0.25], None]
    assert table["cost"].to_pylist() == [1.5, 2.0, None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"user_id": "ann"}\n{"user_id": "bob", x}\n', "in line 2"),
        ('{"user_id": "ann", "item_id"', "in line 1"),
        ('{"user_id": "ann"}\n[1, 2]\n', "no object"),
        ('{"user_id": "ann", "user_id": "bob"}\n', "a key twice"),
        ('{"user_id": "ann", "item_id": "x"}\n', "'timestamp'"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_row(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "events.jsonl").write_text(text)
    with pytest.raises(SchemaError) as caught:
        read(tmp_path, "events.jsonl")
    assert words in caught.value.found
    said = str(caught.value).replace(str(tmp_path), "")
    assert "ann" not in said and "bob" not in said


def test_a_folder_may_hold_lines_beside_tabs_and_no_other_json(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    row = {"user_id": "u", "item_id": "i", "timestamp": 1768471200, "event": "purchase", "price": 1}
    (folder / "1.ndjson").write_text(json.dumps(row))
    (folder / "2.tsv").write_text("\t".join(_NAMES) + "\nv\ti\t1768471201\tpurchase\t2\n")
    (folder / "schema.json").write_text(json.dumps({"fields": []}))
    assert read(tmp_path, "events")["user_id"].to_pylist() == ["u", "v"]


def test_a_list_behind_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    row = {"user_id": "u", "item_id": "i", "timestamp": 1768471200, "event": "purchase", "price": 1}
    (tmp_path / "events.json").write_text(json.dumps([row]), encoding="utf-8-sig")
    assert read(tmp_path, "events.json")["user_id"].to_pylist() == ["u"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_list_that_broke_off_behind_a_comma_is_refused(tmp_path: Path, packed: bool) -> None:
    """DuckDB takes it for a whole one: all rows behind the comma would be missing."""
    row = {"user_id": "u", "item_id": "i", "timestamp": 1768471200, "event": "purchase", "price": 1}
    raw = json.dumps([row, row])[: -len(json.dumps(row)) - 2].rstrip().encode()
    assert raw.endswith(b"},")
    (tmp_path / "events.json").write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(SchemaError) as caught:
        read(tmp_path, "events.json")
    assert caught.value.found == "a list without an end"


def test_lines_whose_compression_broke_off_are_refused(tmp_path: Path) -> None:
    row = {"user_id": "u", "item_id": "i", "timestamp": 1768471200, "event": "purchase", "price": 1}
    raw = gzip.compress("".join(json.dumps({**row, "n": n}) + "\n" for n in range(99)).encode())
    (tmp_path / "events.jsonl").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(SchemaError) as caught:
        read(tmp_path, "events.jsonl")
    assert "broke off" in str(caught.value)


def test_keys_may_be_empty_hold_any_sign_or_differ_in_case_alone(tmp_path: Path) -> None:
    row = {"user_id": "u", "item_id": "i", "timestamp": 1768471200, "event": "purchase", "price": 1}
    odd = {"": 0, "USER_ID": "other", "a/b~c": 1, 'say "hi"': 2, "$.user_id": 3}
    (tmp_path / "events.jsonl").write_text(json.dumps({**odd, **row}) + "\n")
    table = read(tmp_path, "events.jsonl")
    assert table["user_id"].to_pylist() == ["u"]
    assert table["price"].to_pylist() == [1.0]


def test_a_value_beside_lists_is_a_list_of_one(tmp_path: Path) -> None:
    items = [
        {"item_id": "a", "tags": ["red", "big"]},
        {"item_id": "b", "tags": "blue", "look": [1, 2], "cost": 1},
        {"item_id": "c", "tags": [1, "x", None, True]},
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    table = open_source(config(tmp_path, "unused"), tmp_path).read_items()
    assert table["tags"].to_pylist() == ["red|big", "blue", "1|x|true"]


@pytest.mark.parametrize("value", [{"en": "red"}, ["red"]])
def test_an_id_that_is_an_object_or_a_list_is_refused(tmp_path: Path, value: Any) -> None:
    items = [{"item_id": "a", "tags": ["x"], "look": [1, 2], "cost": 1}, {"item_id": value}]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    with pytest.raises(SchemaError) as caught:
        open_source(config(tmp_path, "unused"), tmp_path).read_items()
    assert "'item_id'" in caught.value.expected


def test_json_files_of_a_folder_are_read_where_there_are_no_others(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"item_id": "i1"}]')
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b'{"item_id": "i2"}\n'))
    for path in (tmp_path, tmp_path / "*.json*"):
        assert [found.name for found in list_files(path)] == ["a.json", "b.json.gz"]
    assert passed_over(tmp_path) == []
    (tmp_path / "part-0.csv").write_text("item_id\ni1\n")  # what lies beside it may be metadata
    assert [found.name for found in list_files(tmp_path)] == ["part-0.csv"]
    assert [found.name for found in passed_over(tmp_path)] == ["a.json", "b.json.gz"]
    assert [found.name for found in list_files(tmp_path / "*.json")] == ["a.json"]


@pytest.mark.parametrize("text", ["[]", " [ \n ]\n", "\ufeff[]"])
def test_an_empty_list_is_a_part_without_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text('[{"user_id": "u1"}]')
    (tmp_path / "b.json").write_text(text, "utf-8")
    assert is_json((tmp_path / "b.json").read_bytes()[:64])
    assert json_names(tmp_path / "b.json") == []
