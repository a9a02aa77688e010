"""CSV files without a header row: read where the settings name their columns, and else refused
with no word of their rows.
"""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.errors import ConfigError, SchemaError
from recsys_tasks.lake import Lake
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.files.csv import read_csv
from recsys_tasks.sources.files.streams import Dialect
from tests.snapshot.shops import LiteralShop, second
from tests.sources.files.test_reader import NOON, write
from tests.worlds import make_config

COLUMNS = {"events": ["user_id", "item_id", "timestamp", "event"], "items": ["item_id", "title"]}
ROW = f"ann,lamp,{NOON},purchase\n"


def config(folder: Path, users: bool = False, **source: Any) -> Any:
    paths = {"events": str(folder / "events"), "items": str(folder / "items.csv")}
    if users:
        paths["users"] = str(folder / "users.csv")
    return make_config(source={"kind": "files", **paths, **source}, items={"title_column": "title"})


def refusal(read: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        read()
    return caught.value


def test_named_columns_are_those_of_every_csv_file_and_of_no_other(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", "\ufeff" + ROW + f"bob,pot,{NOON},purchase")
    (tmp_path / "events" / "b.csv.gz").write_bytes(gzip.compress(ROW.encode()))
    write(tmp_path, "events/c.tsv", ROW.replace(",", "\t"))
    line = f'"event": "purchase", "timestamp": {NOON}, "item_id": "lamp", "user_id": "cy"'
    write(tmp_path, "events/d.jsonl", "{" + line + "}\n")
    table = {"event": ["purchase"], "timestamp": [NOON], "item_id": ["pot"], "user_id": ["dan"]}
    pq.write_table(pa.table(table), tmp_path / "events" / "e.parquet")
    write(tmp_path, "items.csv", "lamp,Lamp\npot,\n")
    source = open_source(config(tmp_path, columns=COLUMNS), tmp_path)
    events = source.read_events(None, date(2026, 2, 1))
    assert events["user_id"].to_pylist() == ["ann", "bob", "ann", "ann", "cy", "dan"]
    assert events["item_id"].to_pylist() == ["lamp", "pot", "lamp", "lamp", "lamp", "pot"]
    assert set(events["ts"].to_pylist()) == {NOON}
    assert source.read_items()["title"].to_pylist() == ["Lamp", None]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n"\ufeff'), max_size=5)


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers()), min_size=1, max_size=8))
def test_a_file_without_a_header_has_the_rows_of_one_with_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    lines = "".join(f'"{a}","{b}",{n}\n' for a, b, n in rows)
    names = ("first", "second", "third")
    (folder / "with.csv").write_text(",".join(names) + "\n" + lines, newline="")
    (folder / "without.csv").write_text(lines, newline="")
    expected = read_csv(folder / "with.csv", Dialect())
    assert read_csv(folder / "without.csv", Dialect(columns=names)).equals(expected)


def test_a_file_without_a_header_is_refused_with_the_setting_and_no_value(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", ROW * 3)
    write(tmp_path, "items.csv", "item_id,title\nlamp,Lamp\n")
    write(tmp_path, "users.csv", "ann\nbob\n")  # words alone, as a header is
    source = open_source(config(tmp_path, users=True), tmp_path)
    events = refusal(lambda: source.read_events(None, date(2026, 2, 1)))
    users = refusal(source.read_users)
    for table, error in (("events", events), ("users", users)):
        assert "is the header missing?" in error.found
        assert f"source.columns: {{{table}: [...]}}" in error.remedy
        assert not any(word in str(error) for word in ("ann", "bob", "lamp", str(NOON)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("item_id,user_id,timestamp,event\n" + ROW, "a first row that is a header"),
        ("User_ID, item_id,when,kind\n" + ROW, "a first row that is a header"),
        (ROW + f"bob,lamp,{NOON}\n", "3 values in row 2, and 4 names in `source.columns`"),
        (f"ann,lamp,{NOON},purchase,9.90\n", "5 values in row 1, and 4 names"),
        (ROW + f'"ann,lamp,{NOON},purchase\n' + ROW, "a quote"),
        ("", "an empty file"),
    ],
)
def test_files_that_do_not_fit_the_names_are_refused(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, "events/a.csv", text)
    write(tmp_path, "items.csv", "lamp,Lamp\n")
    source = open_source(config(tmp_path, columns=COLUMNS), tmp_path)
    error = refusal(lambda: source.read_events(None, date(2026, 2, 1)))
    assert words in error.found
    assert not any(word in str(error) for word in ("ann", "lamp", str(NOON)))


def test_names_that_lack_a_wanted_column_are_a_mistake_in_them(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", ROW)
    write(tmp_path, "items.csv", "lamp,Lamp\n")
    names = {"events": ["user", "item_id", "timestamp", "event"]}
    source = open_source(config(tmp_path, columns=names), tmp_path)
    error = refusal(lambda: source.read_events(None, date(2026, 2, 1)))
    assert "no 'user_id'; the file has 'user', 'item_id'" in error.found
    assert "correct `source.columns.events`" in error.remedy


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"items": ["item_id", "item_id"]}, "there twice"),
        ({"items": [" "]}, "no name"),
        ({"items": []}, "items"),
        ({"users": ["user_id"]}, "a table that users does not name"),
        ({"views": ["user_id"]}, "views"),
    ],
)
def test_names_that_cannot_be_are_refused_with_the_settings(
    tmp_path: Path, names: dict[str, list[str]], words: str
) -> None:
    with pytest.raises(ConfigError, match="columns") as caught:
        config(tmp_path, columns=names)
    assert words in str(caught.value)


def test_a_night_reads_files_without_a_header(tmp_path: Path) -> None:
    class Headerless(LiteralShop):
        def deliver(self) -> None:
            super().deliver()
            for name in ("events.csv", "items.csv"):
                path = self.folder / name
                path.write_text(path.read_text().partition("\n")[2])

    shop = Headerless(tmp_path, [("ann", "i", second(5, n)) for n in range(3)], items=["i"])
    shop.settings = {
        "source": {
            "kind": "files",
            "events": str(tmp_path / "events.csv"),
            "items": str(tmp_path / "items.csv"),
            "columns": {
                "events": ["user_id", "item_id", "timestamp", "event", "price"],
                "items": ["item_id"],
            },
        },
        "validation": {"allow_empty_days": True},
    }
    assert shop.night(6).rows == 3
    assert Lake(tmp_path / "lake").require("raw_items", "2026-01-06").rows == 1
