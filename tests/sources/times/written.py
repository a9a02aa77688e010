"""Random times as people and programs write them, and the rules that they are read by."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from recsys_tasks.clock import start_of
from recsys_tasks.config import TimeUnit
from recsys_tasks.sources.times.columns import count_faults, read_times
from recsys_tasks.sources.times.rule import TimeRule
from tests.sources.times.slow_times import (
    FAULT,
    MISSING,
)

NOON = 1_767_614_400  # 2026-01-05 12:00 UTC
CUTOFF = start_of(date(2026, 3, 2))
UNITS: tuple[TimeUnit, ...] = (
    "seconds", "milliseconds", "microseconds", "nanoseconds", "yyyymmdd", "yyyymmddhhmmss",
)  # fmt: skip


def rule(
    unit: TimeUnit = "seconds", any_date: bool = False, earliest: date = date(1990, 1, 1)
) -> TimeRule:
    setting = "items.available_from_unit" if any_date else "events.timestamp_unit"
    return TimeRule(unit, setting, start_of(earliest), CUTOFF, CUTOFF + 3653 * 86_400, any_date)


RULES = [rule(unit, any_date) for unit in UNITS for any_date in (False, True)] + [
    rule(earliest=date(1600, 1, 1))
]


def read(column: pa.Array | pa.ChunkedArray, how: TimeRule) -> list[Any]:
    """Seconds, MISSING or FAULT by row. What is a fault is quoted, and nothing else is."""
    whole = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    found = read_times(whole, how)
    seconds, faults = found.values.to_pylist(), found.faults.to_pylist()
    assert len(seconds) == len(faults) == len(column)
    assert not any(s is not None and f is not None for s, f in zip(seconds, faults, strict=True))
    assert sum(count_faults(found.faults.drop_null(), how).values()) == sum(
        f is not None for f in faults
    )
    return [
        s if s is not None else MISSING if f is None else FAULT
        for s, f in zip(seconds, faults, strict=True)
    ]


# --- text ----------------------------------------------------------------------------------------

_WORDS = (
    "now today yesterday tomorrow NaT nat nan NaN NA N/A None null NULL \\N - ? soon never infinity"
    " -infinity epoch Jan January jan-2026 Monday 5 2026 2026-01 202601 2026-W03-4 2026-015"
    " 0000-00-00 0001-01-01 9999-12-31 1e9 1.77e9 0x69691c00 1_768_471_200 1,768,471,200"
    " 1768471200,0 +1768471200 1768471200Z 15/01/2026 01/15/2026 15.01.2026 2026.01.15 20260301"
    " 20260301T10 20260301101500 2026030110 1772323200000 9223372036854775807 9223372036854775808"
    " -9223372036854775808 2147483647 -1 0 -0 00000000 true ２０２６-01-15 ١٧٦٨٤٧١٢٠٠ 1768471200.0"
    " 1768471200. .5 -0.5 2026-02-29 2024-02-29 1900-02-29 2000-02-29 2026-04-31 2026-13-01"
    " 2026-00-10 2026-1-5 2026-01-15T 2026-01-15Z 2016-12-31T23:59:60Z 2026-01-15T24:00:00"
    " 2026-01-15T10:00:00+24:00 2026-01-15T10:00:00-00:00 10:00 10:00:00 2026-03-29T02:30:00+01:00"
    " 2026-10-25T02:30:00+02:00 2026-01-15T10:00:00[Europe/Berlin] 12026-01-15 -2026-01-15"
    " 2262-04-12T00:00:00 1677-09-21T00:00:00 1969-12-31T23:59:59 1970-01-01"
    " 1989-12-31T23:59:59.999 2036-03-03"
)
WORDS = _WORDS.split()
BLANKS = st.sampled_from(["", "", "", " ", "\t", "\n", "\u00a0", "  "])
ZONES = st.sampled_from(
    [
        "",
        "",
        "",
        "Z",
        "z",
        " UTC",
        "UTC",
        " Z",
        " GMT",
        "+01:00",
        "-0530",
        "+14",
        " +02:00",
        "+24:00",
        "+01:00:30",
        "+1",
    ]
)
FORMS = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%d %H%M",
    "%Y%m%dT%H",
    "%Y-%m-%dt%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S,%f",
)
ODD_FORMS = (
    "%Y-%m-%dT%H%M%S",
    "%Y%m%dT%H:%M:%S",
    "%d.%m.%Y",
    "%m/%d/%Y %I:%M %p",
    "%a %b %d %H:%M:%S %Y",
    "%Y-%j",
    "%G-W%V-%u",
    "%Y.%m.%d",
    "%Y %m %d",
    "%Y-%m",
    "%y-%m-%d",
    "%Y%m%d",
    "%Y%m%d%H",
    "%Y%m%d%H%M%S",
    "%H:%M:%S",
    "%Y-%m-%d_%H:%M",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.builds(
    lambda seconds, micros: EPOCH + timedelta(seconds=seconds, microseconds=micros),
    st.integers(start_of(date(1985, 1, 1)), start_of(date(2040, 1, 1)))
    | st.integers(start_of(date(1, 1, 2)), start_of(date(9999, 12, 30))),
    st.integers(0, 999_999),
)


def spelt(moment: datetime, form: str) -> str:
    return moment.strftime(
        form.replace("%Y", f"{moment.year:04d}").replace("%G", f"{moment.year:04d}")
    )


@st.composite
def spoilt(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with a character put in, taken out or exchanged."""
    text = draw(texts)
    with_: str = draw(st.sampled_from([*"0123456789-:/.,+TZ eE\t", "", "٣", "−", "ü"]))
    at = draw(st.integers(0, len(text)))
    return text[:at] + with_ + text[at + draw(st.integers(0, 1)) :]


WRITTEN = st.builds(
    lambda m, f, z: spelt(m, f) + z, MOMENTS, st.sampled_from(FORMS + ODD_FORMS), ZONES
)
PLAIN = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.builds(
        lambda s, k: str(s * 10**k), st.integers(600_000_000, 2_200_000_000), st.integers(0, 12)
    ),
    st.integers(600_000_000, 2_200_000_000).map(lambda s: f"{s}.{s % 7}"),
    st.floats().map(repr),
    st.dates(date(1980, 1, 1), date(2040, 1, 1)).map(lambda d: f"{d:%Y%m%d}"),
)
TEXTS = st.builds(
    lambda before, text, after: before + text + after,
    BLANKS,
    st.one_of(
        WRITTEN, PLAIN, st.sampled_from(WORDS), st.text(max_size=12), spoilt(WRITTEN), spoilt(PLAIN)
    ),
    BLANKS,
)
