"""Local times: what Python's own time zones say of each, and what a night tells of those that are
doubtful.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recsys_tasks.config import parse_config
from recsys_tasks.errors import ConfigError
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.times.columns import count_faults, read_times
from recsys_tasks.sources.times.rule import TimeRule, event_times
from recsys_tasks.sources.times.words import fault_words
from tests.sources.files.test_reader import write
from tests.worlds import make_config

ZONES = ["Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Tokyo"]
TURNS = [  # local times around which the clocks of one of the zones are set
    datetime.fromisoformat(text)
    for text in (
        *("2026-03-29 02:00", "2026-10-25 02:00"),  # Berlin
        *("2026-03-08 02:00", "2026-11-01 01:00"),  # New York
        *("2026-04-24 00:00", "2026-10-30 00:00"),  # Cairo, at midnight
        *("2026-04-05 02:00", "2026-10-04 02:00"),  # Lord Howe, by half an hour
    )
]
LOCAL = st.builds(
    lambda turn, minutes: turn + timedelta(minutes=minutes),
    st.sampled_from(TURNS),
    st.integers(-180, 180),
) | st.integers(0, 10**9).map(
    lambda seconds: TURNS[0] - timedelta(seconds=seconds)  # the last 31 years
)


@cache
def rule(zone: str, **changes: str) -> TimeRule:
    events = {"timezone": zone, **changes}
    return event_times(make_config(events=events), None)


def slow(local: datetime, zone: str) -> tuple[int | None, bool]:
    """(UTC second or None where clocks skip it, whether they show it twice), by PEP 495."""
    first, second = (local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
        return None, False
    return int(first.timestamp()), first.utcoffset() != second.utcoffset()


FORMS: dict[str, tuple[Callable[[list[datetime]], pa.Array], dict[str, str]]] = {
    "text": (lambda ts: pa.array([f"{t:%Y-%m-%d %H:%M:%S}" for t in ts]), {}),
    "basic": (lambda ts: pa.array([f"{t:%Y%m%dT%H%M%S}" for t in ts]), {}),
    "mixed": (lambda ts: pa.array([f"{t:%Y/%m/%d %H:%M:%S} " for t in ts]), {}),
    "timestamp": (lambda ts: pa.array(ts, pa.timestamp("us")), {}),
    "digits": (
        lambda ts: pa.array([int(f"{t:%Y%m%d%H%M%S}") for t in ts]),
        {"timestamp_unit": "yyyymmddhhmmss"},
    ),
    "form": (
        lambda ts: pa.array([f"{t:%d.%m.%Y %H:%M:%S}" for t in ts]),
        {"timestamp_format": "%d.%m.%Y %H:%M:%S"},
    ),
}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LOCAL, min_size=1, max_size=20), st.sampled_from(ZONES), st.sampled_from(sorted(FORMS))
)
@example(TURNS[:2], "Europe/Berlin", "text")
def test_local_times_are_those_of_the_time_zone(
    times: list[datetime], zone: str, form: str
) -> None:
    spell, changes = FORMS[form]
    how = rule(zone, **changes)
    found = read_times(pa.chunked_array([spell(times)]), how)
    expected = [slow(time, zone) for time in times]
    assert found.values.to_pylist() == [second for second, _ in expected]
    twice = [False] * len(times) if found.repeated is None else found.repeated.tolist()
    assert twice == [repeated for _, repeated in expected]
    skipped = [second for second, _ in expected if second is None]
    faults = found.faults.drop_null()
    assert count_faults(faults, how) == ({"skipped": len(skipped)} if skipped else {})
    assert all(f"does not exist in {zone}" in fault_words(t.as_py(), how) for t in faults)


@settings(max_examples=40, deadline=None)
@given(LOCAL, st.sampled_from(ZONES))
def test_an_offset_wins_and_numbers_since_the_epoch_have_no_zone(time: datetime, zone: str) -> None:
    second = int(time.replace(tzinfo=UTC).timestamp())
    texts = pa.array([f"{time:%Y-%m-%dT%H:%M:%S}Z", str(second), f"{time:%Y-%m-%dT%H:%M:%S}+02:00"])
    found = read_times(pa.chunked_array([texts]), rule(zone))
    assert found.values.to_pylist() == [second, second, second - 7200]
    for column in (
        texts[:1],
        pa.array([second]),
        pa.array([time.replace(tzinfo=UTC)], pa.timestamp("s", "UTC")),
    ):
        alone = read_times(pa.chunked_array([column]), rule(zone))
        assert (alone.values.to_pylist(), alone.repeated) in (([second], None), ([second], [False]))
    how = rule(zone, timestamp_format="%d.%m.%Y %H:%M:%S %z")
    text = pa.array([f"{time:%d.%m.%Y %H:%M:%S} +0100"])
    assert read_times(pa.chunked_array([text]), how).values.to_pylist() == [second - 3600]


@pytest.mark.parametrize("zone", ["Africa/Cairo", "Europe/Berlin"])
def test_a_day_alone_begins_at_its_first_instant(zone: str) -> None:
    """In Cairo, clocks went from 2026-04-23 23:59 to 2026-04-24 01:00: that day begins at 01:00,
    22:00 UTC of the 23rd; in Berlin at midnight, which is the same instant.
    """
    expected = int(datetime(2026, 4, 23, 22, tzinfo=UTC).timestamp())
    day = date(2026, 4, 24)
    spelt = [
        (pa.array([day]), {}),
        (pa.array(["2026-04-24"]), {}),
        (pa.array(["2026-04-24 ", "2026/04/24"]), {}),
        (pa.array([20260424]), {"timestamp_unit": "yyyymmdd"}),
        (pa.array(["24.04.2026"]), {"timestamp_format": "%d.%m.%Y"}),
    ]
    for column, changes in spelt:
        found = read_times(pa.chunked_array([column]), rule(zone, **changes))
        assert set(found.values.to_pylist()) == {expected}, column
        assert found.repeated is None or not found.repeated.any()


def test_a_form_takes_no_other_text_and_no_year_of_two_digits() -> None:
    how = rule("UTC", timestamp_format="%d.%m.%Y")
    texts = ["5.1.2026", "05.01.26", "31.02.2026", "2026-01-05", "05.01.2026 x", "", None]
    found = read_times(pa.chunked_array([texts]), how)
    assert found.values.to_pylist()[0] == int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
    assert found.values.null_count == 6
    assert found.faults.drop_null().to_pylist() == texts[1:5]
    assert "not written as events.timestamp_format: '%d.%m.%Y'" in fault_words("05.01.26", how)


def test_a_night_counts_times_that_do_not_exist_and_tells_of_those_that_occur_twice(
    tmp_path: Path,
) -> None:
    times = [f"2026-{day} 12:00:00" for day in ("10-22", "10-23", "10-24")]
    times += ["2026-10-25 02:30:00", "2026-10-25 02:30:00+01:00", "2026-03-29 02:30:00"]
    # the first 02:30 of 25 October is 00:30 UTC, the one with an offset is the second, 01:30 UTC
    rows = "".join(f"ann,lamp,{time},purchase\n" for time in times)
    write(tmp_path, "events.csv", f"user_id,item_id,timestamp,event\n{rows}")
    write(tmp_path, "items.csv", "item_id,launch\nlamp,2026-01-01\npot,2025-10-26T02:15\n")
    config = make_config(
        clock="simulated",
        source={
            "kind": "files",
            "events": str(tmp_path / "events.csv"),
            "items": str(tmp_path / "items.csv"),
        },
        events={"timezone": "Europe/Berlin"},
        items={"available_from_column": "launch", "timezone": "Europe/Berlin"},
        validation={"allow_empty_days": True, "max_null_share": 0.5, "volume_ratio": [0.01, 99]},
    )
    lake, night = Lake(tmp_path / "lake"), date(2026, 10, 26)
    now = datetime(2026, 10, 26, 1, tzinfo=UTC)
    result = extract(config, lake, open_source(config, tmp_path), night, now)
    assert result.undated_why == {"skipped": 1}
    assert result.repeated_times == {"events": 1, "items": 1}
    day = pq.read_table(lake.get(result.parts[date(2026, 10, 25)]).file("events.parquet"))
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp())
    assert sorted(day["ts"].drop_null().to_pylist()) == [first, first + 3600]
    frozen = freeze(config, lake, night, now)
    assert frozen.rows == 5
    facts = lake.require("validation", night.isoformat())
    assert "night.repeated_times" in facts.facts["warnings"]
    page = facts.file("report.json").read_text()
    assert "1 of events, 1 of items; the earlier instant was taken of each" in page
    assert "does not exist in Europe/Berlin" in page


def test_local_times_of_a_database_are_read_as_those_of_files(tmp_path: Path) -> None:
    times = ["2026-10-25 00:30:00", "2026-10-25 02:30:00", "2026-10-26 00:30:00"]
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute("CREATE TABLE items AS SELECT 'lamp' AS item_id")
        database.execute("CREATE TABLE events (user_id TEXT, item_id TEXT, timestamp TIMESTAMP)")
        rows = [("ann", "lamp", time) for time in times]
        database.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
    config = make_config(
        source={
            "kind": "sql",
            "url": f"duckdb://{tmp_path}/shop.duckdb",
            "events": "events",
            "items": "items",
        },
        events={"timezone": "Europe/Berlin", "event_column": None},
    )
    reader = open_source(config, tmp_path)
    reader.prepare(date(2026, 10, 27))
    # 22:30 UTC of the 24th, 00:30 of the 25th (the first of two), 23:30 of the 25th
    assert reader.count_days(date(2026, 10, 27)) == {date(2026, 10, 24): 1, date(2026, 10, 25): 2}
    pieces = list(reader.read_pieces(date(2026, 10, 25), date(2026, 10, 26)))
    reader.close()
    start = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp())
    assert [t for piece in pieces for t in piece["ts"].to_pylist()] == [
        start + 1800,
        start + 23 * 3600 + 1800,
    ]
    assert reader.repeated_times() == {"events": 1}


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ({"timezone": "Berlin"}, "e.g. Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "no time zone"),
        ({"timezone": "Europe"}, "no time zone"),
        ({"timestamp_format": "%d.%m"}, "names no day"),
        ({"timestamp_format": "%Y-%m-%d %Q"}, "'%Q' is no part of a time"),
        ({"timestamp_format": "%Y-%m-%d %I:%M"}, "AM or PM"),
    ],
)
def test_zones_and_forms_that_are_none_are_refused_with_the_settings(
    events: dict[str, Any], words: str
) -> None:
    raw: dict[str, Any] = {
        "project": "p",
        "source": {"kind": "files", "events": "e", "items": "i"},
        "objectives": [{"name": "o", "events": ["purchase"]}],
    }
    with pytest.raises(ConfigError, match="events") as caught:
        parse_config({**raw, "events": events})
    assert words in str(caught.value)
