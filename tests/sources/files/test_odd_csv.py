"""CSV files with more or less than a header and rows: read where it is clear what is meant, else
refused with words that help.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from recsys_tasks.errors import ConfigError, SchemaError
from recsys_tasks.sources.base import open_source
from tests.sources.files.test_reader import NOON, config_for, write
from tests.worlds import make_config

NAMES = ["user_id", "item_id", "timestamp", "event"]
HEADER = ",".join(NAMES) + "\n"
ROWS = [f"{user},lamp,{NOON},purchase\n" for user in ("ann", "bob", "cy")]


def read(folder: Path, **settings: Any) -> pa.Table:
    config = config_for(folder, users=None)
    source = config.source.model_validate({**config.source.model_dump(), **settings})
    config = config.model_copy(update={"source": source})
    return open_source(config, folder).read_events(None, date(2026, 2, 1))


def refusal(folder: Path, **settings: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        read(folder, **settings)
    said = str(caught.value).replace(str(folder), "")
    assert not any(user in said for user in ("ann", "bob", "cy,"))
    return caught.value


@pytest.mark.parametrize(
    "header", [HEADER, HEADER[:-1], HEADER[:-1] + "\r\n", "\ufeff" + HEADER[:-1]]
)
@pytest.mark.parametrize("name", ["0.csv", "5.csv", "9.csv"])
def test_a_part_of_a_header_alone_has_no_rows(tmp_path: Path, header: str, name: str) -> None:
    """The first, a middle or the newest part: an export that had nothing to say."""
    write(tmp_path, "events/1.csv", HEADER + ROWS[0])
    write(tmp_path, "events/8.csv", HEADER + ROWS[1])
    write(tmp_path, f"events/{name}", header)
    assert read(tmp_path)["user_id"].to_pylist() == ["ann", "bob"]


@pytest.mark.parametrize("text", ["<html>,<body>", "Service Unavailable", "denied"])
def test_a_line_that_is_no_header_is_no_part_without_rows(tmp_path: Path, text: str) -> None:
    write(tmp_path, "events/1.csv", text)
    assert "one line without an end" in refusal(tmp_path).found


def test_a_header_that_lacks_a_column_is_refused_without_rows_too(tmp_path: Path) -> None:
    write(tmp_path, "events/1.csv", "user_id,item_id")
    assert "no 'timestamp'" in refusal(tmp_path).found


def test_headers_among_the_rows_of_joined_files_are_no_rows(tmp_path: Path) -> None:
    write(tmp_path, "events/1.csv", HEADER + ROWS[0] + HEADER + ROWS[1] + HEADER)
    assert read(tmp_path)["user_id"].to_pylist() == ["ann", "bob"]


def test_the_header_of_the_first_part_alone_is_no_row(tmp_path: Path) -> None:
    """As Hive exports a table: `source.columns` names what the other parts leave out."""
    write(tmp_path, "events/0.csv", HEADER + ROWS[0])
    write(tmp_path, "events/1.csv", ROWS[1])
    assert "source.columns" in refusal(tmp_path).remedy
    found = read(tmp_path, columns={"events": NAMES})
    assert found["user_id"].to_pylist() == ["ann", "bob"]
    assert found["ts"].null_count == 0


def test_a_header_of_other_names_than_the_settings_have_is_no_row(tmp_path: Path) -> None:
    rows = [f"{n},{n},{NOON},purchase\n" for n in range(30)]
    write(tmp_path, "events/0.csv", "customer,product,when,what\n" + "".join(rows))
    error = refusal(tmp_path, columns={"events": NAMES})
    assert "a first row that is a header, of other names" in error.found
    write(tmp_path, "events/0.csv", "".join(rows))
    assert len(read(tmp_path, columns={"events": NAMES})) == 30


@pytest.mark.parametrize(
    ("lines", "remedy"),
    [
        ("# exported on Monday\n" + HEADER + ROWS[0], "leave out the lines before the header"),
        ("sep=,\n" + HEADER + ROWS[0], "leave out the lines before the header"),
        (
            HEADER + "".join(row[:-1] + ",\n" for row in ROWS),
            "write no ',' at the end of rows, or one behind the header, too",
        ),
        (HEADER + "".join(ROWS) + "3 rows in all\n", "such as a total, is left out"),
    ],
)
def test_lines_that_are_no_rows_are_named(tmp_path: Path, lines: str, remedy: str) -> None:
    write(tmp_path, "events/1.csv", lines)
    assert remedy in refusal(tmp_path).remedy


@pytest.mark.parametrize("signs", ["::", "||", "   "])
def test_values_that_several_signs_separate(tmp_path: Path, signs: str) -> None:
    write(tmp_path, "events/1.csv", (HEADER + ROWS[0]).replace(",", signs))
    assert "one sign separates values" in refusal(tmp_path).found


@pytest.mark.parametrize(
    ("encoding", "setting"),
    [
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("utf-32-le", "utf-32-le"),
        ("utf-32-be", "utf-32-be"),
    ],
)
def test_text_of_wide_letters_is_named_and_read(
    tmp_path: Path, encoding: str, setting: str
) -> None:
    """With a mark before it and without one."""
    (tmp_path / "events").mkdir()
    text = HEADER + ROWS[0].replace("lamp", "Größe")
    (tmp_path / "events" / "1.csv").write_bytes(text.encode(encoding))
    remedy = refusal(tmp_path).remedy
    assert f"`source.encoding: {setting}`" in remedy
    assert read(tmp_path, encoding=setting)["item_id"].to_pylist() == ["Größe"]


def test_a_file_of_the_web_is_refused_with_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="download the file"):
        make_config(source={"kind": "files", "events": "https://x.example/a.csv"})
