"""Files that hold data and are not read are named with what to do; what is cheap to unpack is
read.
"""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.base import open_source, source_of
from tests.snapshot.shops import LiteralShop
from tests.sources.files.test_reader import NOON, write
from tests.sources.test_deliveries import HEADER, ROW, events, refusal, source
from tests.worlds import make_config

JSON = f'{{"user_id": "ann", "item_id": "lamp", "timestamp": {NOON}, "event": "purchase"}}\n'


def zstd(text: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(text)
    return bytes(sink.getvalue())


PACKERS: dict[str, Callable[[bytes], bytes]] = {"bz2": bz2.compress, "zst": zstd}


@pytest.mark.parametrize("packed", list(PACKERS))
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_compressed_files_are_read(tmp_path: Path, name: str, packed: str) -> None:
    text = JSON if "json" in name else HEADER + ROW
    text = text.replace(",", "\t") if "tsv" in name else text
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / f"{name}.{packed}").write_bytes(PACKERS[packed](text.encode()))
    if "json" in name and packed == "bz2":
        assert refusal(tmp_path).found == "JSON compressed with bzip2"
        return
    assert events(tmp_path)["user_id"].to_pylist() == ["ann"]


@pytest.mark.parametrize("packed", list(PACKERS))
@pytest.mark.parametrize("whole", ["csv", "jsonl"])
def test_a_compressed_file_that_broke_off_is_refused(
    tmp_path: Path, packed: str, whole: str
) -> None:
    rows = "".join(f"u{n},lamp,{NOON + n * 977},purchase\n" for n in range(5000))
    lines = JSON * 5000 if whole == "jsonl" else HEADER + rows
    (tmp_path / "events").mkdir()
    path = tmp_path / "events" / f"a.{whole}.{packed}"
    content = PACKERS[packed](lines.encode())
    path.write_bytes(content[: len(content) // 2])
    assert refusal(tmp_path).where == str(path)


def archive(name: str) -> bytes:
    made = io.BytesIO()
    if name.endswith((".zip", ".xlsx")):
        with zipfile.ZipFile(made, "w") as file:
            file.writestr("events.csv", HEADER + ROW)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode="w") as tar:
        info = tarfile.TarInfo("events.csv")
        info.size = len(HEADER + ROW)
        tar.addfile(info, io.BytesIO((HEADER + ROW).encode()))
    return gzip.compress(made.getvalue()) if name.endswith("gz") else made.getvalue()


NAMES = ["2025.zip", "2025.xlsx", "2025.tar.gz", "2025.TGZ", "2025.tar", "2025.7z", "2025.csv.xz"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pattern", [False, True])
def test_an_archive_among_files_is_named_with_what_to_do(
    tmp_path: Path, name: str, pattern: bool
) -> None:
    made = LiteralShop(tmp_path, [("ann", "lamp", (5, 1))], items=["lamp"])
    made.deliver()
    (tmp_path / "events").mkdir()
    (tmp_path / "events.csv").rename(tmp_path / "events" / "2026.csv")
    (tmp_path / "events" / name).write_bytes(archive(name))
    path = str(tmp_path / "events" / ("20*" if pattern else ""))
    made.settings = {
        "source": {"kind": "files", "events": path, "items": str(tmp_path / "items.csv")}
    }
    config = made.config
    told = "; ".join(text for _, text in source_of(config).examine(config, config.source))
    assert f"not read: source.events {path}: '{name}': a" in told
    (over,) = open_source(config, tmp_path).files_passed_over()
    assert over.endswith(name)


def test_the_night_says_what_to_do_about_an_archive(tmp_path: Path) -> None:
    class Packed(LiteralShop):
        def deliver(self) -> None:
            super().deliver()
            (self.folder / "all").mkdir(exist_ok=True)
            (self.folder / "events.csv").replace(self.folder / "all" / "2026.csv")
            (self.folder / "all" / "2025.zip").write_bytes(archive("2025.zip"))

    made = Packed(tmp_path, [("ann", "lamp", (5, 1))], items=["lamp"])
    files = {"events": str(tmp_path / "all"), "items": str(tmp_path / "items.csv")}
    made.settings = {"source": {"kind": "files", **files}}
    (told,) = [check for check in made.night(6).report.warnings]
    assert told.name == "files_passed_over"
    assert "'2025.zip': an archive, which is not read: unpack it here" in told.observed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("2025.zip", "an archive"),
        ("2025.xlsx", "a spreadsheet, which is not read: save each sheet as CSV"),
        ("shop.sqlite", "a database, which is not read: name it as source.url"),
    ],
)
def test_a_folder_of_archives_alone_is_refused_with_what_to_do(
    tmp_path: Path, name: str, words: str
) -> None:
    write(tmp_path, f"events/{name}", "PK")
    assert words in refusal(tmp_path).found


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
@pytest.mark.parametrize("kind", ["x.tar", "x.tar.gz", "x.zip"])
def test_an_archive_under_another_name_is_no_table(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / name).write_bytes(archive(kind))
    found = refusal(tmp_path)
    assert isinstance(found, SchemaError)
    assert "archive" in found.found or "ZIP" in found.found


def test_an_archive_in_a_bucket_is_named() -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/archives/events/2026.csv", (HEADER + ROW).encode())
    store.pipe("/archives/events/2025.zip", archive("2025.zip"))
    paths = {"events": "memory://archives/events/20*", "items": "memory://archives/events"}
    config = make_config(source={"kind": "files", **paths})
    told = [text for _, text in source_of(config).examine(config, config.source)]
    assert "'2025.zip': an archive" in "; ".join(told)
    reader = open_source(config, Path())
    assert reader.read_events(None, date(2026, 2, 1)).num_rows == 1
    reader.close()


def test_a_header_that_begins_as_bzip2_does_is_one(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", "BZh9," + HEADER + "x," + ROW)
    assert source(tmp_path).read_events(None, date(2026, 2, 1)).num_rows == 1
