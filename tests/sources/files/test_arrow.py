"""Arrow IPC files and streams give what Parquet files of the same rows give, or are refused."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from recsys_tasks.commands.init.tables import tables_in
from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.base import open_source
from tests.snapshot.shops import LiteralShop, second
from tests.sources.files.test_reader import write
from tests.sources.test_deliveries import events, refusal, source
from tests.worlds import make_config

WHEN = [datetime(2026, 1, 5, 12, tzinfo=UTC), None, datetime(2026, 1, 6, tzinfo=UTC)]
KINDS = ["purchase", None, "purchase"]
TABLE = pa.table(
    {
        "user_id": pa.array(["ann", "bob", None], pa.string_view()),
        "item_id": pa.array([7, 8, 9], pa.int16()),
        "timestamp": pa.array(WHEN, pa.timestamp("us", "UTC")),
        "event": pa.array(KINDS).dictionary_encode(),
        "unused": pa.array([{"a": 1}] * 3),
    }
)


def stored(path: Path, table: pa.Table, form: str, packed: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "parquet":
        pq.write_table(table, path)
        return
    opening = ipc.new_file if form == "file" else ipc.new_stream
    with opening(path, table.schema, options=ipc.IpcWriteOptions(compression=packed)) as writer:
        writer.write_table(table, max_chunksize=2)


@pytest.mark.parametrize("packed", [None, "lz4", "zstd"])
@pytest.mark.parametrize(
    ("form", "name"),
    [("file", "a.arrow"), ("file", "A.FEATHER"), ("stream", "a.arrows"), ("stream", "a.arrow")],
)
def test_arrow_gives_the_rows_of_parquet(
    tmp_path: Path, form: str, name: str, packed: str | None
) -> None:
    stored(tmp_path / "parquet" / "events" / "a.parquet", TABLE, "parquet")
    stored(tmp_path / "arrow" / "events" / name, TABLE, form, packed)
    expected = events(tmp_path / "parquet")
    assert events(tmp_path / "arrow").equals(expected)
    assert expected["item_id"].to_pylist() == ["7", "8", "9"]


def test_what_pandas_writes_as_feather_is_read_beside_csv(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    feather.write_feather(
        TABLE.drop_columns(["unused"]).to_pandas(), tmp_path / "events" / "b.feather"
    )
    write(tmp_path, "events/a.csv", "user_id,item_id,timestamp,event\ncy,7,1767614400,purchase\n")
    assert events(tmp_path)["user_id"].to_pylist() == ["cy", "ann", "bob", None]
    assert [table.name for table in tables_in(tmp_path)] == ["events"]
    (found,) = tables_in(tmp_path / "events")[1:]
    assert (found.is_csv, found.rows.num_rows) == (False, 3)


@pytest.mark.parametrize("form", ["file", "stream"])
def test_a_file_that_broke_off_at_any_byte_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "events" / "a.arrow"
    stored(path, TABLE.drop_columns(["unused"]), form)
    whole, reader = path.read_bytes(), source(tmp_path)
    assert reader.read_events(None, date(2026, 2, 1)).num_rows == 3
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(SchemaError) as caught:
            reader.read_events(None, date(2026, 2, 1))
        assert "deliver the file again" in caught.value.remedy, size
        assert "ann" not in str(caught.value)


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    offsets = pa.array([0, 1, 2, 3], pa.int32()).buffers()[1]
    odd = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"a\xffb")])
    stored(tmp_path / "events" / "a.arrow", TABLE.set_column(0, "user_id", odd), "file")
    assert "bytes that are not UTF-8" in refusal(tmp_path).found


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.feather", b"FEA1" + bytes(60), "a Feather file of version 1"),
        ("a.arrow", b"user_id,item_id\n", "does not begin as Arrow IPC does"),
        ("a.arrows", b"", "an empty file"),
        (
            "a.csv.gz",
            gzip.compress(b"ARROW1\0\0" + bytes(60), mtime=0),
            "a compressed Arrow IPC file",
        ),
        ("a.csv.gz", gzip.compress(b"PAR1" + bytes(60), mtime=0), "a compressed Parquet file"),
    ],
)
def test_what_is_no_arrow_file_is_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / name).write_bytes(content)
    assert words in refusal(tmp_path).found


def test_a_missing_column_names_those_that_an_arrow_file_has(tmp_path: Path) -> None:
    stored(
        tmp_path / "events" / "a.arrow",
        TABLE.rename_columns(["who", *TABLE.column_names[1:]]),
        "file",
    )
    error = refusal(tmp_path)
    assert isinstance(error, SchemaError)
    assert "no 'user_id'; the file has 'who', 'item_id'" in error.found
    assert "header" not in error.remedy


def test_a_night_reads_arrow_files(tmp_path: Path) -> None:
    class Arrow(LiteralShop):
        def deliver(self) -> None:
            super().deliver()
            table = pa.csv.read_csv(self.folder / "events.csv")
            stored(self.folder / "events" / "part-0.arrow", table, "file", "zstd")

    shop = Arrow(tmp_path, [("ann", "i", second(5, n)) for n in range(3)], items=["i"])
    paths = {"events": str(tmp_path / "events"), "items": str(tmp_path / "items.csv")}
    shop.settings = {
        "source": {"kind": "files", **paths},
        "validation": {"allow_empty_days": True},
    }
    assert shop.night(6).rows == 3
    config = make_config(**shop.settings)
    assert open_source(config, tmp_path).count_days(date(2026, 1, 6)) == {date(2026, 1, 5): 3}
