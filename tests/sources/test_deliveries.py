"""Deliveries as shops make them: what is no data is not read, and what cannot be read is named."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.config import parse_config
from recsys_tasks.errors import ConfigError, RecsysError, SchemaError, TransientError
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.files.formats import unreadable_file
from recsys_tasks.sources.files.reader import FileReader
from tests.sources.files.test_reader import NOON, config_for, write

HEADER = "user_id,item_id,timestamp,event\n"
ROW = f"ann,lamp,{NOON},purchase\n"


def source(folder: Path, **changes: Any) -> FileReader:
    opened = open_source(config_for(folder, users=None, **changes), folder)
    assert isinstance(opened, FileReader)
    return opened


def events(folder: Path, **changes: Any) -> pa.Table:
    return source(folder, **changes).read_events(None, date(2026, 2, 1))


def refusal(folder: Path, **changes: Any) -> RecsysError:
    with pytest.raises((SchemaError, ConfigError)) as caught:
        events(folder, **changes)
    return caught.value


@pytest.mark.parametrize(
    "name",
    [
        ".ipynb_checkpoints/a-checkpoint.csv",
        "2026/.cache/a.csv",
        "_temporary/0/part-0.csv",
        "._a.csv",
        ".~lock.a.csv",
        "~$a.csv",
        "__MACOSX/a.csv",
        "deep/er/_staging/a.csv",
        "part.csv.tmp/part-0.csv",
        "tmp/a.csv",
        ".a.csv.crc",
        "@eaDir/a.csv",
        "lost+found/a.csv",
        "a.csv.bak/a.csv",
    ],
)
def test_hidden_and_temporary_files_are_not_read_at_any_level(tmp_path: Path, name: str) -> None:
    write(tmp_path, "events/2026/day=05/a.csv", HEADER + ROW)
    write(tmp_path, f"events/{name}", HEADER + "bob,lamp,1,purchase\n")
    write(tmp_path, "events/_SUCCESS", "")
    assert events(tmp_path)["user_id"].to_pylist() == ["ann"]


def test_what_the_settings_name_is_read_wherever_it_lies(tmp_path: Path) -> None:
    write(tmp_path, ".data/_new/events/a.csv", HEADER + ROW)
    assert events(tmp_path / ".data" / "_new").num_rows == 1


def test_the_folders_of_a_table_with_a_log_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", HEADER + ROW)
    write(tmp_path, "events/_delta_log/0.json", "{}")
    assert "Delta" in refusal(tmp_path).found


@pytest.mark.parametrize("name", ["A.CSV", "events.PARQUET", "a.pq", "a.csv.gz", "A.Csv.Gz"])
def test_names_in_any_case_and_formats_by_their_first_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "events" / name
    path.parent.mkdir()
    if name.lower().endswith("gz"):
        path.write_bytes(gzip.compress((HEADER + ROW).encode()))
    elif name.lower().endswith("csv"):
        path.write_text(HEADER + ROW)
    else:
        pq.write_table(
            pa.table(
                {"user_id": ["ann"], "item_id": ["lamp"], "timestamp": [NOON], "event": ["x"]}
            ),
            path,
        )
    assert events(tmp_path)["user_id"].to_pylist() == ["ann"]
    write(tmp_path, "events/notes.txt", "")
    assert [Path(name).name for name in source(tmp_path).files_passed_over()] == ["notes.txt"]


def test_a_folder_called_like_a_file_is_a_folder(tmp_path: Path) -> None:
    table = pa.table({"user_id": ["ann"], "item_id": ["lamp"], "timestamp": [NOON], "event": ["x"]})
    (tmp_path / "events" / "day.parquet").mkdir(parents=True)
    pq.write_table(table, tmp_path / "events" / "day.parquet" / "part-0.parquet")
    assert events(tmp_path).num_rows == 1


def test_columns_of_folder_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        "events/event=add%20to%20cart/b.csv",
        f"user_id,item_id,timestamp\nann,lamp,{NOON}\n",
    )
    write(
        tmp_path,
        "events/event=__HIVE_DEFAULT_PARTITION__/b.csv",
        f"user_id,item_id,timestamp\nbob,lamp,{NOON}\n",
    )
    assert set(events(tmp_path)["event"].to_pylist()) == {"add to cart", None}


def test_an_older_part_may_lack_a_column_and_the_newest_may_not(tmp_path: Path) -> None:
    table = {"price_column": "price"}
    write(tmp_path, "events/2025.csv", HEADER + ROW)
    write(tmp_path, "events/2026.csv", HEADER[:-1] + ",price\n" + ROW[:-1] + ",2.5\n")
    assert events(tmp_path, events=table)["price"].to_pylist() == [None, 2.5]
    write(tmp_path, "events/2027.csv", HEADER + ROW)
    assert "'price'" in refusal(tmp_path, events=table).found
    write(tmp_path, "events/2027.csv", "user_id,item_id,event,price\nann,lamp,purchase,1\n")
    assert "'timestamp'" in refusal(tmp_path, events=table).found


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", "user_id,item_id,timestamp,event,item_id\nann,lamp,1,x,lamp\n")
    assert refusal(tmp_path).found == "'item_id' is there twice or more"
    write(
        tmp_path, "events/a.csv", HEADER[:-1] + ",,\n" + ROW[:-1] + ",,\n"
    )  # nobody asks for the two without a name
    assert events(tmp_path).num_rows == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff\xfeu\x00s\x00", "UTF-16"),
        (b"PK\x03\x04zip", "ZIP"),
        (b"", "empty"),
        (HEADER.encode() + b"ann,caf\xe9,1,x\n", "byte 0xe9 ('é' in Latin-1) in line 2"),
        (HEADER.encode() + ROW.encode() * 3 + b"ann,lamp\n", "2 values in row 5"),
        (
            HEADER.encode() + ROW.encode() + b'ann,"lamp,1,x\n' + ROW.encode() * 2,
            "a quote in it is not closed",
        ),
        (
            HEADER.encode() + b'ann,"lamp,1,x\n' + ROW.encode() * 2 + b'ann,"lamp,1,x\n',
            "swallows the rows",
        ),
        (ROW.encode() * 3, "looks like a row of data"),
        (
            HEADER.replace(",", ";").encode() + ROW.replace(",", ";").encode(),
            "source.delimiter: ';'",
        ),
        (HEADER.replace(",", ", ").encode() + ROW.encode(), "' item_id'"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_quotes_no_row(
    tmp_path: Path, text: bytes, words: str
) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "a.csv").write_bytes(text)
    error = refusal(tmp_path)
    assert words in error.found
    assert "ann" not in str(error).replace(str(tmp_path), "")
    assert error.where.endswith("a.csv")


@pytest.mark.parametrize("name", ["PARENT_SKU", "PAR1", "ORCID", "ARROW1", "BZh"])
def test_a_header_may_begin_as_another_format_does(tmp_path: Path, name: str) -> None:
    write(tmp_path, "events/a.csv", f"{name},{HEADER}x\x12,{ROW}")
    assert events(tmp_path)["user_id"].to_pylist() == ["ann"]


@pytest.mark.parametrize("last", ['"', '"purchase', '"purchase\n', '"a ""purchase""'])
def test_a_file_that_broke_off_within_its_last_quotes_is_refused(tmp_path: Path, last: str) -> None:
    write(tmp_path, "events/a.csv", HEADER + ROW + ROW.replace("purchase\n", last))
    assert refusal(tmp_path).found == "a quote that opens in the row of line 3 and is not closed"


def test_an_inch_sign_is_no_open_quote(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", HEADER + ROW.replace("lamp", 'lamp 5"'))
    assert events(tmp_path)["item_id"].to_pylist() == ['lamp 5"']


def test_line_breaks_and_long_texts_within_quotes_are_read(tmp_path: Path) -> None:
    long = "words " * 700_000
    write(tmp_path, "events/a.csv", HEADER + ROW)
    write(tmp_path, "items.csv", f'item_id,name\nlamp,"a ""big"" one,\nreally"\nsofa,{long}\n')
    items = source(tmp_path, items={"title_column": "name"}).read_items()
    assert items["title"].to_pylist() == ['a "big" one,\nreally', long]


def test_how_csv_files_are_written_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "a.csv").write_bytes(
        f"user_id;item_id;timestamp;event\nann;caf\xe9;{NOON};NULL\n".encode("latin-1")
    )
    config = config_for(tmp_path, users=None)
    told = {"delimiter": ";", "encoding": "latin-1", "null_words": ["NULL"]}
    opened = open_source(
        parse_config({**config.model_dump(), "source": {**config.source.model_dump(), **told}}),
        tmp_path,
    )
    rows = opened.read_events(None, date(2026, 2, 1))
    assert (rows["item_id"].to_pylist(), rows["event"].to_pylist()) == (["café"], [None])


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([{"a": 1}]), "struct"),
        (pa.array([["a"]]), "list"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "map"),
        (pa.array([b"\xff\xfe"]), "binary"),
    ],
)
def test_a_nested_column_is_named(tmp_path: Path, column: pa.Array, words: str) -> None:
    (tmp_path / "events").mkdir()
    table = {"user_id": ["ann"], "item_id": column, "timestamp": [NOON], "event": ["x"]}
    pq.write_table(pa.table(table), tmp_path / "events" / "a.parquet")
    error = refusal(tmp_path)
    assert words in error.found
    assert "'item_id'" in error.expected


def test_text_that_is_not_utf8_is_refused_in_parquet_too(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"caf\xe9"]).buffers())
    table = {"user_id": ["ann"], "item_id": bad, "timestamp": [NOON], "event": ["x"]}
    pq.write_table(pa.table(table), tmp_path / "events" / "a.parquet")
    assert "UTF-8" in refusal(tmp_path).found


def test_a_list_column_is_an_attribute_of_several_values(tmp_path: Path) -> None:
    genres = pa.array([["a", "b", None, ""], [], None, ["c"]])
    attributes = {"attributes": [{"name": "genre", "column": "Genre(s)", "kind": "multi"}]}
    pq.write_table(
        pa.table({"item_id": ["1", "2", "3", "4"], "Genre(s)": genres}), tmp_path / "items.csv"
    )
    assert source(tmp_path, items=attributes).read_items()["genre"].to_pylist() == [
        "a|b",
        None,
        None,
        "c",
    ]
    pq.write_table(pa.table({"item_id": ["1"], "Genre(s)": [["a|b"]]}), tmp_path / "items.csv")
    with pytest.raises(SchemaError, match="separator"):
        source(tmp_path, items=attributes).read_items()


def test_damaged_and_vanished_files(tmp_path: Path) -> None:
    table = pa.table(
        {
            "user_id": ["ann"] * 9999,
            "item_id": ["i"] * 9999,
            "timestamp": [NOON] * 9999,
            "event": ["x"] * 9999,
        }
    )
    (tmp_path / "events").mkdir()
    path = tmp_path / "events" / "a.parquet"
    pq.write_table(table, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refusal(tmp_path).found
    path.write_bytes(whole[:50] + bytes(200) + whole[250:])
    assert "damaged" in refusal(tmp_path).found
    path.unlink()
    path.symlink_to("nowhere")
    assert "link" in refusal(tmp_path).found
    assert isinstance(unreadable_file(path, FileNotFoundError()), TransientError)


def test_numbers_that_are_none_are_kept_as_they_were_delivered(tmp_path: Path) -> None:
    rows = "".join(
        f"ann,lamp,{NOON},purchase,{price}\n"
        for price in ("5,50", "1e300", "-1", "2", "inf", "5,50")
    )
    write(tmp_path, "events/a.csv", (HEADER[:-1] + ",price\n" + rows).replace(",5,50", ',"5,50"'))
    opened = source(tmp_path, events={"price_column": "price"})
    opened.read_events(None, date(2026, 2, 1))
    assert opened.odd_values() == {"events.price": ("'5,50'", "'1e300'", "'-1'", "'inf'")}


# --- paths and settings --------------------------------------------------------------------------


def test_an_id_may_be_an_attribute_of_another_name(tmp_path: Path) -> None:
    attributes = {
        "attributes": [{"name": "shop_item_id", "column": "item_id", "kind": "categorical"}]
    }
    write(tmp_path, "items.csv", "item_id\nlamp\n")
    assert source(tmp_path, items=attributes).read_items()["shop_item_id"].to_pylist() == ["lamp"]
