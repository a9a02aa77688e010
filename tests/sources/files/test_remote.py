"""Files in an object store are those that the same paths would be on this machine.

Against a store in memory, and against a server that answers as S3 does where its extras are there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.config import Config
from recsys_tasks.errors import RecsysError, SchemaError, TransientError
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.files.reader import FileReader
from tests.sources.files.test_reader import NOON, write
from tests.worlds import make_config

BARE, HEADER = "user_id,item_id,timestamp\n", "user_id,item_id,timestamp,event\n"
Put = Callable[[str, bytes], None]


def config_of(root: str, pattern: str = "events", **changes: Any) -> Config:
    source = {"kind": "files", "events": f"{root}/{pattern}", "items": f"{root}/items.csv"}
    source |= changes.pop("source", {})
    return make_config(source=source, clock="simulated", **changes)


def reader(config: Config) -> FileReader:
    opened = open_source(config, Path("unused"))
    assert isinstance(opened, FileReader)
    return opened


def row(user: str, second: int = NOON) -> str:
    return f"{user},lamp,{second},purchase\n"


def fill(folder: Path) -> None:
    """Files as shops deliver them, with some that are no data; each row has a user of its own."""
    write(folder, "events/part-1.csv", HEADER + row("u1"))
    write(folder, "events/part-10.csv", HEADER + row("u2"))
    write(
        folder, "events/day=2026-01-05/a.csv", "user_id,item_id,timestamp\n" + f"u3,lamp,{NOON}\n"
    )
    write(
        folder, "events/event=purchase/b.csv", "user_id,item_id,timestamp\n" + f"u4,lamp,{NOON}\n"
    )
    write(folder, "events/deep/er/c.TSV", (HEADER + row("u5")).replace(",", "\t"))
    line = {"user_id": "u6", "item_id": "lamp", "timestamp": NOON, "event": "purchase"}
    write(folder, "events/deep/d.jsonl", json.dumps(line) + "\n")
    table = {"user_id": ["u7"], "item_id": ["lamp"], "timestamp": [NOON], "event": ["purchase"]}
    pq.write_table(pa.table(table), folder / "events" / "e.parquet")
    for name in ("_SUCCESS", "notes.txt", ".hidden.csv", "_tmp/f.csv", "deep/x.csv.tmp/g.csv"):
        write(folder, f"events/{name}", HEADER + row("nobody"))
    write(folder, "items.csv", "item_id\nlamp\n")


def upload(folder: Path, url: str, files: Any) -> None:
    bucket = url.partition("://")[2]
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe(f"{bucket}/{path.relative_to(folder)}", path.read_bytes())


@pytest.mark.parametrize(
    "pattern",
    [
        "events",
        "events/part-1.csv",
        "events/part-?.csv",
        "events/part-*.csv",
        "events/*/*.csv",
        "events/**/*.csv",
        "events/de*",
        "events/*",
        "ev*/*[0-9].csv",
        "events/notes.txt",
        "events/none-*.csv",
        "nowhere",
    ],
)
def test_paths_mean_what_they_mean_on_this_machine(
    tmp_path: Path, store: tuple[str, Any], pattern: str
) -> None:
    fill(tmp_path)
    upload(tmp_path, *store)
    kinds = {"events": {"event_column": None}}
    found: list[Any] = []
    for root in (str(tmp_path), store[0]):
        source = reader(config_of(root, pattern, **kinds))
        try:
            names = [name.removeprefix(root) for name in source.parts("events")]
            over = sorted(name.removeprefix(root) for name in source.files_passed_over())
            users = source.read_events(None, date(2026, 2, 1))["user_id"].to_pylist()
            found.append((names, over, users))
        except RecsysError as error:
            found.append((type(error), error.expected))
        finally:
            source.close()
    assert found[0] == found[1]


def test_folders_names_are_columns(tmp_path: Path, store: tuple[str, Any]) -> None:
    write(tmp_path, "events/event=view/a.csv", f"user_id,item_id,timestamp\nann,lamp,{NOON}\n")
    write(tmp_path, "items.csv", "item_id\nlamp\n")
    upload(tmp_path, *store)
    source = reader(config_of(store[0]))
    assert source.read_events(None, date(2026, 2, 1))["event"].to_pylist() == ["view"]
    source.close()


def test_a_night_sees_what_changed_and_leaves_no_copy(
    tmp_path: Path, store: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    url, files = store
    bucket = url.partition("://")[2]
    files.pipe(f"{bucket}/items.csv", b"item_id\nlamp\n")
    files.pipe(f"{bucket}/events/a.csv", (HEADER + row("ann")).encode())
    config = config_of(url, validation={"allow_empty_days": True})
    lake, night = Lake(tmp_path / "lake"), date(2026, 1, 6)
    now = datetime(2026, 1, 6, 1, tzinfo=UTC)

    def extracted() -> Any:
        source = reader(config)
        try:
            return extract(config, lake, source, night, now)
        finally:
            source.close()
            assert not list(scratch.glob("recsys-files-*"))

    first = extracted()
    assert (first.rows, freeze(config, lake, night, now).rows) == (1, 1)
    assert extracted().artifact.reference == first.artifact.reference
    files.pipe(f"{bucket}/events/b.csv", (HEADER + row("bob", NOON + 1)).encode())
    assert extracted().rows == 2
    # of the same size and perhaps of the same second: only its tag tells, where there is one
    files.pipe(f"{bucket}/events/b.csv", (HEADER + row("cid", NOON + 1)).encode())
    assert extracted().artifact.reference != first.artifact.reference
    assert freeze(config, lake, night, now).rows == 2


def test_what_is_wrong_is_told_of_the_object(tmp_path: Path, store: tuple[str, Any]) -> None:
    url, files = store
    bucket = url.partition("://")[2]
    files.pipe(f"{bucket}/items.csv", b"item_id\nlamp\n")
    for content in (row("ann") * 3, "x,y\nann,1,2\n", "PAR1 broken"):
        files.pipe(f"{bucket}/events/a.csv", content.encode())
        source = reader(config_of(url))
        with pytest.raises(SchemaError) as caught:
            source.read_events(None, date(2026, 2, 1))
        source.close()
        assert caught.value.where == f"{url}/events/a.csv"
        assert not any(word in str(caught.value) for word in ("ann", "recsys-files-"))
    files.pipe(f"{bucket}/events/_delta_log/0.json", b"{}")
    with pytest.raises(SchemaError, match="a Delta table"):
        reader(config_of(url)).parts("events")


def test_an_object_that_vanishes_is_tried_again(store: tuple[str, Any]) -> None:
    url, files = store
    bucket = url.partition("://")[2]
    files.pipe(f"{bucket}/events/a.csv", (HEADER + row("ann")).encode())
    source = reader(config_of(url))
    (part,) = source.parts("events")
    files.rm(f"{bucket}/events/a.csv")
    with pytest.raises(TransientError) as caught:
        source.load("events", part, {"user_id": False}, None)
    assert caught.value.where == part
