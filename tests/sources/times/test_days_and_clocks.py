"""Times whose day is in one column and whose time of day in another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_tasks.config import EventsTable
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.times.columns import read_times
from recsys_tasks.sources.times.days_and_clocks import days_with_clocks
from recsys_tasks.sources.times.rule import event_times
from tests.sources.files.test_reader import write
from tests.worlds import make_config

MOMENTS = st.integers(1_577_836_800, 1_769_904_000).map(  # 2020-01-01 to 2026-02-01
    lambda second: datetime.fromtimestamp(second, UTC)
)
Made = Callable[[list[datetime]], pa.Array]
DAYS: dict[str, tuple[Made, dict[str, Any]]] = {
    "text": (lambda ts: pa.array([f"{t:%Y-%m-%d}" for t in ts]), {}),
    "at midnight": (lambda ts: pa.array([f"{t:%Y-%m-%d} 00:00:00.000" for t in ts]), {}),
    "date": (lambda ts: pa.array([t.date() for t in ts]), {}),
    "timestamp": (
        lambda ts: pa.array([datetime.combine(t.date(), time()) for t in ts], pa.timestamp("us")),
        {},
    ),
    "digits": (
        lambda ts: pa.array([int(f"{t:%Y%m%d}") for t in ts]),
        {"timestamp_unit": "yyyymmdd"},
    ),
    "written digits": (
        lambda ts: pa.array([f"{t:%Y%m%d}" for t in ts]),
        {"timestamp_unit": "yyyymmdd"},
    ),
}
CLOCKS: dict[str, Made] = {
    "text": lambda ts: pa.array([f"{t:%H:%M:%S}" for t in ts]),
    "short": lambda ts: pa.array([f"{t.hour}:{t:%M:%S} " for t in ts]),
    "digits": lambda ts: pa.array([f"{t:%H%M%S}" for t in ts]),
    "time of a second": lambda ts: pa.array([t.time() for t in ts], pa.time32("s")),
    "time": lambda ts: pa.array([t.time() for t in ts], pa.time64("us")),
    "on a day of none": lambda ts: pa.array([f"1899-12-30 {t:%H:%M:%S}" for t in ts]),
    "dictionary": lambda ts: pa.array([f"{t:%H:%M:%S}" for t in ts]).dictionary_encode(),
}


def seconds(days: pa.Array, clocks: pa.Array, **settings: Any) -> tuple[list[Any], list[Any]]:
    """What is read, and what was delivered where nothing is."""
    config = make_config(events={"time_of_day_column": "clock", **settings})
    whole = days_with_clocks(pa.chunked_array([days]), pa.chunked_array([clocks]), config.events)
    read = read_times(whole, event_times(config, None))
    return read.values.to_pylist(), read.faults.to_pylist()


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("day", DAYS)
@settings(max_examples=8, deadline=None)
@given(ts=st.lists(MOMENTS, min_size=1, max_size=4))
def test_a_day_and_its_clock_are_the_moment(day: str, clock: str, ts: list[datetime]) -> None:
    make, how = DAYS[day]
    found, faults = seconds(make(ts), CLOCKS[clock](ts), **how)
    assert found == [int(t.timestamp()) for t in ts]
    assert faults == [None] * len(ts)


@settings(max_examples=20, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=4))
def test_the_number_of_an_hour_is_a_time_of_day(ts: list[datetime]) -> None:
    hours = [t.hour for t in ts]
    found, _ = seconds(pa.array([f"{t:%Y-%m-%d}" for t in ts]), pa.array(hours))
    assert found == [int(t.replace(minute=0, second=0).timestamp()) for t in ts]


@pytest.mark.parametrize(
    ("form", "day", "clock"),
    [
        ("%d.%m.%Y %H:%M", "15.01.2026", "10:30"),
        ("%m/%d/%Y %I:%M %p", "01/15/2026", "10:30 AM"),
        ("%d-%b-%Y %H.%M", "15-Jan-2026", "10.30"),
    ],
)
def test_text_of_another_form(form: str, day: str, clock: str) -> None:
    found, _ = seconds(pa.array([day]), pa.array([clock]), timestamp_format=form)
    assert found == [int(datetime(2026, 1, 15, 10, 30, tzinfo=UTC).timestamp())]


def test_local_times_have_their_zone() -> None:
    found, faults = seconds(
        pa.array(["2026-01-15", "2026-03-29"]),
        pa.array(["10:30", "02:30"]),
        timezone="Europe/Berlin",
    )
    assert found == [int(datetime(2026, 1, 15, 9, 30, tzinfo=UTC).timestamp()), None]
    assert faults[1] == "2026-03-29 02:30"  # clocks skip it


@pytest.mark.parametrize(
    ("day", "clock", "fault"),
    [
        ("2026-01-15", None, "2026-01-15 (no time of day)"),
        ("2026-01-15", "", "2026-01-15 (no time of day)"),
        ("2026-01-15", "25:00", "2026-01-15 25:00"),
        ("2026-01-15", "93005", "2026-01-15 93005"),  # the hour may be 9 or 93
        ("2026-01-15", "noon", "2026-01-15 noon"),
        ("2026-01-15 08:00:00", "10:30", "2026-01-15 08:00:00 10:30"),  # two times of day
        ("soon", "10:30", "soon 10:30"),
        (None, "10:30", None),
    ],
)
def test_what_is_no_moment_is_no_midnight(
    day: str | None, clock: str | None, fault: str | None
) -> None:
    found, faults = seconds(pa.array([day], pa.string()), pa.array([clock], pa.string()))
    assert (found, faults) == ([None], [fault])


EVENTS = {"timestamp_column": "day", "time_of_day_column": "clock", "event_column": None}
ROWS = [("ann", "lamp", datetime(2026, 1, 31 - n, 7 + n, 15, tzinfo=UTC)) for n in range(3)]


def files(folder: Path) -> dict[str, Any]:
    lines = [f"{u},{i},{t:%Y-%m-%d},{t:%H:%M}" for u, i, t in ROWS]
    write(folder, "a/1.csv", "\n".join(["user_id,item_id,day,clock", *lines]) + "\n")
    return {"kind": "files", "events": str(folder / "a")}


def parquet(folder: Path) -> dict[str, Any]:
    users, items, ts = zip(*ROWS, strict=True)
    days, clocks = [int(f"{t:%Y%m%d}") for t in ts], [t.time() for t in ts]
    table = pa.table({"user_id": users, "item_id": items, "day": days, "clock": clocks})
    pq.write_table(table, folder / "events.parquet")
    return {"kind": "files", "events": str(folder / "events.parquet")}


def database(folder: Path) -> dict[str, Any]:
    with duckdb.connect(folder / "shop.duckdb") as shop:
        shop.execute("CREATE TABLE events (user_id TEXT, item_id TEXT, day DATE, clock TIME)")
        rows = [(u, i, t.date(), t.time()) for u, i, t in ROWS]
        shop.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
    return {"kind": "sql", "url": f"duckdb://{folder / 'shop.duckdb'}", "events": "events"}


@pytest.mark.parametrize("deliver", [files, parquet, database])
@pytest.mark.parametrize("first", [None, date(2026, 1, 30)])
def test_a_night_reads_its_days(
    tmp_path: Path, deliver: Callable[[Path], dict[str, Any]], first: date | None
) -> None:
    """A window of days lacks no row and has none of another day, and the days are counted."""
    events = {**EVENTS, "timestamp_unit": "yyyymmdd"} if deliver is parquet else EVENTS
    source = open_source(make_config(source=deliver(tmp_path), events=events), tmp_path)
    source.prepare(date(2026, 2, 1))
    begin = datetime(2020, 1, 1, tzinfo=UTC) if first is None else datetime(2026, 1, 30, tzinfo=UTC)
    wanted = sorted(int(t.timestamp()) for _, _, t in ROWS if t >= begin)
    assert sorted(source.read_events(first, date(2026, 2, 1))["ts"].to_pylist()) == wanted
    pieces = [t for piece in source.read_pieces(first, date(2026, 2, 1)) for t in piece["ts"]]
    assert sorted(t.as_py() for t in pieces) == wanted
    counts = source.count_days(date(2026, 2, 1))
    assert counts == {date(2026, 1, 31) - timedelta(days=n): 1 for n in range(3)}
    assert source.count_after(int(ROWS[1][2].timestamp())) == 2
    source.close()


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = open_source(
        make_config(source=files(tmp_path), events={**EVENTS, "time_of_day_column": "hour"}),
        tmp_path,
    )
    with pytest.raises(Exception, match="no 'hour'"):
        source.read_events(None, date(2026, 2, 1))


def test_impressions_of_their_own_have_the_clock_of_the_interactions() -> None:
    events = {**EVENTS, "impressions": {"time_of_day_column": "shown_at"}}
    with pytest.raises(ConfigError, match="time_of_day_column is of a table of their own"):
        make_config(events={**events, "event_column": "event"})
    assert EventsTable().time_of_day_column is None


def test_a_decimal_is_a_number_under_a_form_of_text() -> None:
    """As a warehouse stores seconds: the form is that of text, and this is none."""
    rule = replace(event_times(make_config(), None), form="%d.%m.%Y")
    column = pa.chunked_array([pa.array([Decimal(1_767_614_400)], pa.decimal128(20, 0))])
    assert read_times(column, rule).values.to_pylist() == [1_767_614_400]
