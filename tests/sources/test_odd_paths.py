"""Paths, names and settings of files that cannot be meant so: named in four parts, never a
traceback.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.config import parse_config
from recsys_tasks.errors import ConfigError, SchemaError
from recsys_tasks.sources.files.listing import list_files, resolve
from tests.sources.files.test_reader import NOON, config_for, write
from tests.sources.test_deliveries import HEADER, ROW, events, refusal, source


@pytest.mark.parametrize("cut", [30, 200])
def test_a_compressed_file_that_broke_off_is_named(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress(
        (HEADER + "".join(f"u{n},lamp,{n * n},purchase\n" for n in range(5000))).encode()
    )
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "a.csv.gz").write_bytes(whole[:-cut])
    error = refusal(tmp_path)
    assert "damaged" in error.found
    assert "deliver the file again" in error.remedy
    (tmp_path / "events" / "a.csv.gz").write_bytes(whole[:500] + b"\0" * cut + whole[500 + cut :])
    assert refusal(tmp_path).where.endswith("a.csv.gz")


def test_a_page_in_place_of_a_file_is_not_called_empty(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", "<!DOCTYPE html><html><body>404</body></html>")
    assert "web page" in refusal(tmp_path).found


def test_a_header_alone_is_a_file_without_rows_with_and_without_a_line_break(
    tmp_path: Path,
) -> None:
    for text in (HEADER, HEADER.strip()):
        write(tmp_path, "events/a.csv", text)
        assert events(tmp_path).num_rows == 0


@pytest.mark.parametrize(
    "text", ["~no-such-user/events", "/data/a**b/x.csv", "/data/" + "x" * 5000]
)
def test_a_path_that_cannot_be_one_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(text, tmp_path)
    assert text[:20] in caught.value.found


def test_a_name_that_is_no_utf8_is_told_in_words(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", HEADER + ROW)
    Path(os.fsdecode(os.fsencode(tmp_path / "events") + b"/not\xff.txt")).write_text("")
    assert events(tmp_path).num_rows == 1
    assert source(tmp_path).files_passed_over()[0].endswith("not\\xff.txt")
    Path(os.fsdecode(os.fsencode(tmp_path / "events") + b"/caf\xe9.csv")).write_text(HEADER + ROW)
    with pytest.raises(SchemaError) as caught:
        list_files(tmp_path / "events")
    assert "xe9" in caught.value.found
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"delimiter": "§"}, "one ASCII sign"),
        ({"delimiter": "\n"}, "no line break"),
        ({"delimiter": '"'}, "no quote"),
        ({"encoding": "hex"}, "no encoding"),
        ({"encoding": "rot13"}, "no encoding"),
        ({"encoding": "undefined"}, "no encoding"),
    ],
)
def test_what_cannot_separate_or_encode_text_is_refused_with_the_settings(
    tmp_path: Path, setting: dict[str, Any], words: str
) -> None:
    raw = config_for(tmp_path, users=None).model_dump()
    with pytest.raises(ConfigError, match=words):
        parse_config({**raw, "source": {**raw["source"], **setting}})


@pytest.mark.parametrize(("kind", "start"), [(pa.float64(), 2**60), (pa.float32(), 2**25)])
def test_ids_that_floats_cannot_tell_apart_are_refused(
    tmp_path: Path, kind: pa.DataType, start: int
) -> None:
    ids = pa.array([float(start), float(start + 1), None], kind)
    table = {"user_id": ids, "item_id": ["lamp"] * 3, "timestamp": [NOON] * 3, "event": ["x"] * 3}
    (tmp_path / "events").mkdir()
    pq.write_table(pa.table(table), tmp_path / "events" / "a.parquet")
    error = refusal(tmp_path)
    assert "ids as floats" in error.found
    assert "'user_id'" in error.expected
    table["user_id"] = pa.array([1.0, float(2**24 - 1), None], kind)
    pq.write_table(pa.table(table), tmp_path / "events" / "a.parquet")
    assert events(tmp_path)["user_id"].to_pylist() == ["1", str(2**24 - 1), None]
