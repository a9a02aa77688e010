"""Delivered files of every type, read as the contract's types; what cannot be read stays
visible.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.config import Config, load_config
from recsys_tasks.errors import ConfigError, SchemaError
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.columns import as_number, as_text, read_flags
from tests.worlds import make_config

DATA = os.environ.get("RECSYS_TEST_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="RECSYS_TEST_DATA is unset: the benchmark data sets are not there"
)
NOON = 1_767_614_400  # 2026-01-05 12:00 UTC


def config_for(folder: Path, users: str | None = "users.csv", **changes: object) -> Config:
    source = {"kind": "files", "events": str(folder / "events"), "items": str(folder / "items.csv")}
    if users:
        source["users"] = str(folder / users)
    return make_config(source=source, **changes)


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_ids_stay_the_text_that_was_written(tmp_path: Path) -> None:
    write(
        tmp_path,
        "events/a.csv",
        f'user_id,item_id,timestamp,event\n007,"a,""b""",{NOON},purchase\n7,🍎,{NOON},purchase\n',
    )
    write(tmp_path, "items.csv", "item_id\n0001\n")
    write(tmp_path, "users.csv", "user_id\n007\n7\n")
    source = open_source(config_for(tmp_path), tmp_path)
    events = source.read_events(None, date(2026, 2, 1))
    assert events["user_id"].to_pylist() == ["007", "7"]
    assert events["item_id"].to_pylist() == ['a,"b"', "🍎"]
    assert source.read_items()["item_id"].to_pylist() == ["0001"]
    assert source.read_users()["user_id"].to_pylist() == ["007", "7"]


def test_windows_are_half_open_and_rows_without_a_time_always_come(tmp_path: Path) -> None:
    # 2026-01-05 is [1767571200, 1767657600); 1767657600 is the first second of the 6th
    rows = "\n".join(
        [
            "u,i,1767571199,x",
            "u,i,1767571200,x",
            "u,i,1767657599,x",
            "u,i,1767657600,x",
            "u,i,,x",
            "u,i,soon,x",
        ]
    )
    write(tmp_path, "events/a.csv", f"user_id,item_id,timestamp,event\n{rows}\n")
    write(tmp_path, "items.csv", "item_id\ni\n")
    source = open_source(config_for(tmp_path, users=None), tmp_path)
    assert source.read_events(date(2026, 1, 5), date(2026, 1, 6))["ts"].to_pylist() == [
        1767571200,
        1767657599,
        None,
        None,
    ]
    assert source.count_after(1767657599) == 2
    assert source.read_users()["user_id"].to_pylist() == ["u"]


@pytest.mark.parametrize(("clock", "day"), [("wall", date(2026, 1, 6)), ("simulated", None)])
def test_items_are_of_the_day_they_are_read_on(
    tmp_path: Path, clock: str, day: date | None
) -> None:
    """Under a simulated clock a table as it was left at the end is read for every night."""
    source = open_source(config_for(tmp_path, clock=clock), tmp_path)
    late_in_new_york = datetime(
        2026, 1, 5, 20, tzinfo=timezone(timedelta(hours=-5))
    )  # 01:00 UTC of the 6th
    assert source.items_as_of(late_in_new_york) == day


def test_a_folder_may_mix_csv_and_parquet_of_different_types(tmp_path: Path) -> None:
    write(
        tmp_path,
        "events/a.csv",
        "user_id,item_id,timestamp,event\n1,2,2026-01-05T12:00:00Z,purchase\n",
    )
    table = {
        "user_id": [1, None],
        "item_id": pa.array([2, 3], pa.int32()),
        "event": ["purchase"] * 2,
    }
    when = pa.array([datetime(2026, 1, 5, 12, tzinfo=UTC), None], pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({**table, "timestamp": when}), tmp_path / "events" / "b.parquet")
    write(tmp_path, "events/.c.csv", "half")  # a writer's temporary file
    write(tmp_path, "items.csv", "item_id\n2\n")
    events = open_source(config_for(tmp_path, users=None), tmp_path).read_events(
        None, date(2026, 1, 6)
    )
    assert events["user_id"].to_pylist() == ["1", "1", None]
    assert events["item_id"].to_pylist() == ["2", "2", "3"]
    assert events["ts"].to_pylist() == [NOON, NOON, None]


def test_a_missing_column_names_the_file_and_what_it_has(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", "customer,item_id,timestamp,event\n1,2,3,x\n")
    write(tmp_path, "items.csv", "item_id\n2\n")
    with pytest.raises(SchemaError) as caught:
        open_source(config_for(tmp_path, users=None), tmp_path).read_events(None, date(2026, 1, 6))
    assert "'user_id'" in caught.value.found
    assert "'customer'" in caught.value.found
    assert caught.value.where.endswith("a.csv")


def test_a_missing_path_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such path"):
        open_source(config_for(tmp_path), tmp_path).read_items()


def test_attributes_numbers_and_flags(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", f"user_id,item_id,timestamp,event\nu,i,{NOON},purchase\n")
    write(
        tmp_path,
        "items.csv",
        "item_id,year,tags,name,on_sale,launch\ni,1999,a|b,Kite,yes,2026-01-05\nj,n/a,,Ball,0,\nk,,c,,,x\n",
    )
    kinds = [{"name": "year", "kind": "numeric"}, {"name": "tags", "kind": "multi"}]
    table = {
        "title_column": "name",
        "available_column": "on_sale",
        "available_from_column": "launch",
        "attributes": kinds,
    }
    items = open_source(config_for(tmp_path, users=None, items=table), tmp_path).read_items()
    year = items["year"].to_pylist()
    assert (year[0], year[2]) == (1999.0, None)
    assert np.isnan(year[1])  # unreadable, not missing
    assert items["tags"].to_pylist() == ["a|b", None, "c"]
    assert items["available"].to_pylist() == [True, False, None]
    assert items["available_from"].to_pylist() == [1767571200, None, None]
    assert items["available_from_fault"].to_pylist() == [None, None, "x"]
    assert items["available_fault"].to_pylist() == [None, None, None]
    assert items["title"].to_pylist() == ["Kite", "Ball", None]


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", f"user_id,item_id,timestamp,event\nu,i,{NOON},purchase\n")
    write(tmp_path, "items.csv", "item_id\ni\n")
    config = config_for(tmp_path, users=None)
    before = open_source(config, tmp_path).fingerprint()
    assert open_source(config, tmp_path).fingerprint() == before
    write(tmp_path, "events/b.csv", f"user_id,item_id,timestamp,event\nu,i,{NOON},purchase\n")
    assert open_source(config, tmp_path).fingerprint() != before


def test_other_types() -> None:
    floats = pa.chunked_array([pa.array([7.0, None, float("nan"), 7.5])])
    assert as_text(floats).to_pylist() == ["7", None, None, "7.5"]
    assert as_text(pa.chunked_array([pa.array(["a", None]).dictionary_encode()])).to_pylist() == [
        "a",
        None,
    ]
    assert as_number(floats).to_pylist() == [7.0, None, None, 7.5]  # Parquet's NaN means missing
    assert as_text(pa.chunked_array([["", " ", "a"]])).to_pylist() == [None, " ", "a"]
    assert as_number(pa.chunked_array([["", "2"]])).to_pylist() == [None, 2.0]
    prices = pa.chunked_array([pa.array([Decimal("8.29"), None])])  # Arrow: 8.290000000000001
    assert as_number(prices).to_pylist() == [8.29, None]
    flags = read_flags(pa.chunked_array([pa.array([1, 0, 5])]))
    assert (flags.values.to_pylist(), flags.faults.to_pylist()) == (
        [True, False, None],
        [None, None, "5"],
    )


@needs_data
@pytest.mark.parametrize(
    ("name", "rows", "first"),
    [
        ("online-retail-ii", 766_087, "10002"),
        ("movietweetings", 141_695, "0000628"),
        ("amazon-beauty", 198_502, "1"),
    ],
)
def test_public_data_sets_are_read_whole(name: str, rows: int, first: str) -> None:
    config = load_config(Path(__file__).parents[3] / "include" / "examples" / f"{name}.yaml")
    source = open_source(config, Path("unused"))
    events = source.read_events(None, date(2020, 1, 1))
    assert events.num_rows == rows
    assert sum(column.null_count for column in events.columns[:4]) == 0
    assert source.read_items()["item_id"][0].as_py() == first
