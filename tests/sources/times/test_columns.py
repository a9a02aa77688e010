"""Random times of every form and type: the reader gives what a slow one gives, or says that it is
no time.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_tasks.clock import start_of
from recsys_tasks.config import TimeUnit
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.times.columns import count_faults, read_times
from recsys_tasks.sources.times.rule import TimeRule
from recsys_tasks.sources.times.words import fault_words, quoted_faults
from tests.sources.times.slow_times import (
    FAULT,
    MISSING,
    slow_date,
    slow_day,
    slow_float,
    slow_moment,
    slow_number,
    slow_text,
)
from tests.worlds import make_config

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
    text, with_ = (
        draw(texts),
        draw(st.sampled_from([*"0123456789-:/.,+TZ eE\t", "", "٣", "−", "ü"])),
    )
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


@settings(max_examples=250, deadline=None)
@given(texts=st.lists(st.none() | TEXTS, min_size=1, max_size=30), how=st.sampled_from(RULES))
def test_random_texts_are_read_as_a_slow_reader_reads_them_or_are_faults(
    texts: list[str | None], how: TimeRule
) -> None:
    found = read(pa.array(texts, pa.string()), how)
    for text, answer in zip(texts, found, strict=True):
        assert answer in (slow_text(text, how), FAULT), text
        assert (answer == MISSING) == (slow_text(text, how) == MISSING), text
        assert read(pa.array([text], pa.string()), how) == [answer], (
            f"{text} is read otherwise alone"
        )
        if answer == FAULT:
            assert isinstance(fault_words(str(text), how), str)


@settings(max_examples=100, deadline=None)
@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=20),
    form=st.sampled_from(FORMS),
    zone=st.sampled_from(
        ["", "Z", "z", " UTC", " GMT", "+00:00", "-03:30", "+0530", "+09", " -08:00"]
    ),
    how=st.sampled_from(
        [rule(), rule("yyyymmdd"), rule(any_date=True), rule("nanoseconds", any_date=True)]
    ),
)
def test_every_documented_form_is_read(
    moments: list[datetime], form: str, zone: str, how: TimeRule
) -> None:
    zone = zone if "%H" in form else ""
    texts = [spelt(moment, form) + zone for moment in moments]
    # the form says how much of a moment there is
    parts = [part for part in ("%H", "%M", "%S") if part in form]
    zeros = {"%H": {"hour": 0}, "%M": {"minute": 0}, "%S": {"second": 0}}
    lost = {k: v for part, field in zeros.items() if part not in parts for k, v in field.items()}
    ahead = {"-03:30": -12_600, "+0530": 19_800, "+09": 32_400, " -08:00": -28_800}.get(zone, 0)
    seconds = [int(m.replace(microsecond=0, **lost).timestamp()) - ahead for m in moments]
    assert read(pa.array(texts), how) == [slow_date(s, how) for s in seconds]


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(PLAIN, min_size=1, max_size=30), how=st.sampled_from(RULES))
def test_plain_numbers_in_text_are_read_exactly(texts: list[str], how: TimeRule) -> None:
    assert read(pa.array(texts), how) == [slow_text(text, how) for text in texts]


# --- types ---------------------------------------------------------------------------------------


def edges(draws: random.Random, n: int = 1200) -> list[int]:
    """Numbers around everything that can go wrong: bounds of types, of ranges, of units, and spelt
    dates.
    """
    marks = [
        0,
        1,
        *(2**k for k in range(7, 64)),
        *(10**k for k in range(19)),
        NOON,
        CUTOFF,
        CUTOFF + 3653 * 86_400,
    ]
    marks += [
        start_of(date(year, 1, 1)) for year in (1, 1600, 1677, 1900, 1970, 1990, 2033, 2262, 9999)
    ]
    marks += [mark * 10**k for mark in marks[-12:] for k in (3, 6, 9)]
    days = [date(1985, 1, 1) + timedelta(days=draws.randrange(20_000)) for _ in range(n // 4)]
    keys = [
        int(f"{day:%Y%m%d}" + draws.choice(["", "00", "17", "25", "1759", "235959", "240000"]))
        for day in days
    ]
    keys += [key + draws.choice([0, 1, 70, 1300]) for key in keys]
    near = [sign * mark + step for mark in marks for sign in (1, -1) for step in (-1, 0, 1)]
    likely = [
        draws.randrange(600_000_000, 2_200_000_000) * 10 ** draws.choice([0, 0, 3, 6, 9])
        for _ in range(n // 2)
    ]
    return near + keys + likely + [draws.randrange(-(2**63), 2**63) for _ in range(n // 4)]


def fitting(kind: pa.DataType, values: list[int]) -> list[int | None]:
    low, high = (
        (0, 2**kind.bit_width) if str(kind).startswith("u") else (-(2 ** (kind.bit_width - 1)),) * 2
    )
    high = high if low == 0 else -low
    return [v for v in values if low <= v < high] + [None]


INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64()]


@pytest.mark.parametrize("how", RULES, ids=lambda r: f"{r.unit}-{r.any_date}")
def test_integers_of_every_size(how: TimeRule) -> None:
    draws = random.Random(1)
    for kind in INTEGERS:
        values = fitting(kind, [*edges(draws), *(2**64 - 1 - k for k in range(9))])
        exact = [slow_number(None if v is None else Fraction(v), how) for v in values]
        assert read(pa.array(values, kind), how) == exact, kind
        assert (
            read(pa.chunked_array([pa.array(values[:9], kind), pa.array(values[9:], kind)]), how)
            == exact
        )
    decimals = [
        None if v is None else Decimal(v) / draws.choice([1, 4])
        for v in fitting(pa.int64(), edges(draws))
    ]
    shorter = [d for d in decimals if d is None or abs(d) < 10**18]
    exact = [slow_number(None if d is None else Fraction(d), how) for d in shorter]
    assert read(pa.array(shorter, pa.decimal128(38, 2)), how) == exact


@pytest.mark.parametrize("how", RULES, ids=lambda r: f"{r.unit}-{r.any_date}")
def test_floats(how: TimeRule) -> None:
    draws = random.Random(2)
    values = [v + draws.choice([0.0, 0.5, 0.999]) for v in edges(draws)]
    values += [float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 5e-324, -0.0, -0.5]
    doubles = pa.array([*values, None], pa.float64())
    assert read(doubles, how) == [slow_float(v, how) for v in doubles.to_pylist()]
    with np.errstate(over="ignore"):
        singles = pa.array(np.array(values, np.float64).astype(np.float32))
    for answer, value in zip(read(singles, how), singles.to_pylist(), strict=True):
        # 24 bits do not hold the digits of a day: 20260115 would be the 16th
        assert answer == (slow_float(value, how) if how.unit[0] != "y" or value != value else FAULT)


@pytest.mark.parametrize("how", RULES, ids=lambda r: f"{r.unit}-{r.any_date}")
def test_dates_and_timestamps(how: TimeRule) -> None:
    draws = random.Random(3)
    counts = fitting(pa.int64(), edges(draws))
    for unit, each in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        for zone in (None, "UTC", "America/New_York"):
            column = pa.array(counts, pa.int64()).cast(pa.timestamp(unit, zone))
            slow = slow_moment(each)
            assert read(column, how) == [slow(count, how) for count in counts], column.type
            assert read(column[:500].dictionary_encode(), how) == [
                slow(count, how) for count in counts[:500]
            ]
    days = fitting(pa.int32(), [*range(-800_000, 3_000_000, 977), *edges(draws)])
    assert read(pa.array(days, pa.int32()).cast(pa.date32()), how) == [
        slow_day(day, how) for day in days
    ]
    millis = fitting(pa.int64(), edges(draws))
    slow = slow_moment(1000)
    assert read(pa.array(millis, pa.int64()).view(pa.date64()), how) == [
        slow(count, how) for count in millis
    ]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False, None]),
        pa.array([3600, 1, None], pa.time32("s")),
        pa.array([NOON, 1, None], pa.duration("s")),
        pa.array([[NOON], [], None]),
        pa.array([{"a": NOON}, {}, None]),
        pa.array([b"\xff", b"\xfe", None]),
    ],
    ids=lambda column: str(column.type),
)
def test_other_types_hold_no_times(column: pa.Array) -> None:
    assert read(column, rule()) == [FAULT, FAULT, MISSING]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()]
)
def test_text_of_every_layout(kind: pa.DataType) -> None:
    texts = ["2026-01-05T12:00:00Z", " 1767614400 ", "1767614400.0", "", "now", None]
    texts = pa.array(texts).cast(kind) if kind != pa.string_view() else pa.array(texts, kind)
    assert read(texts, rule()) == [NOON, NOON, NOON, MISSING, FAULT, MISSING]


@pytest.mark.parametrize(
    "text", ["2026-01-05T12:00:00", "2026-01-05T12:00:00Z", str(NOON), f"{NOON}.0"]
)
@pytest.mark.parametrize(
    ("odd", "answer"), [("now", FAULT), ("0x695bac00", FAULT), ("", MISSING), (" ", MISSING)]
)
def test_one_odd_text_after_many_alike(text: str, odd: str, answer: str) -> None:
    texts = pa.chunked_array([[text] * 500, [text] * 300 + [odd], [text]])
    assert read(texts, rule()) == [NOON] * 800 + [answer, NOON]


def test_a_column_without_a_type_is_missing() -> None:
    assert read(pa.nulls(3), rule()) == [MISSING] * 3


def test_int96_does_not_wrap(tmp_path: Path) -> None:
    """Spark and Hive write 9999-12-31 so; as nanoseconds it would be a day of the year 1816."""
    launches = pa.array([start_of(date(9999, 12, 31)), NOON, None]).cast(pa.timestamp("s"))
    table = {"item_id": ["a", "b", "c"], "launch": launches.cast(pa.timestamp("us"))}
    pq.write_table(
        pa.table(table), tmp_path / "items.parquet", use_deprecated_int96_timestamps=True
    )
    source = {"kind": "files", "events": str(tmp_path), "items": str(tmp_path / "items.parquet")}
    config = make_config(source=source, items={"available_from_column": "launch"})
    items = open_source(config, tmp_path).read_items()
    assert items["available_from"].to_pylist() == [start_of(date(9999, 12, 31)), NOON, None]
    assert items["available_from_fault"].to_pylist() == [None] * 3


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("20260301", "seconds", "looks like YYYYMMDD: set events.timestamp_unit: yyyymmdd"),
        (
            "20260301235959",
            "seconds",
            "looks like YYYYMMDDhhmmss: set events.timestamp_unit: yyyymmddhhmmss",
        ),
        (
            "1772323200000",
            "seconds",
            "milliseconds since the epoch: set events.timestamp_unit: milliseconds",
        ),
        ("1772323200000.0", "seconds", "looks like milliseconds since the epoch"),
        ("1772323200000000", "seconds", "set events.timestamp_unit: microseconds"),
        ("1772323200000000000", "seconds", "looks like nanoseconds since the epoch"),
        ("177232320000000000", "nanoseconds", "before extract.earliest_day"),
        ("1772323200", "milliseconds", "set events.timestamp_unit: seconds"),
        ("2026030110", "seconds", "looks like YYYYMMDDhh"),
        ("202603011015", "seconds", "looks like YYYYMMDDhhmm"),
        ("202603", "seconds", "looks like YYYYMM"),
        ("2026", "seconds", "looks like a year"),
        ("46082", "seconds", "looks like days as Excel counts them"),
        ("20513", "seconds", "looks like days since the epoch"),
        ("29538720", "seconds", "looks like minutes since the epoch"),
        ("639079200000000000", "seconds", "looks like ticks of 100 nanoseconds since the year 1"),
        ("-1", "seconds", "is 1969-12-31 23:59:59, before extract.earliest_day"),
        (
            "2147483647",
            "seconds",
            "is 2038-01-19 03:14:07, later than extract.latest_days after the night",
        ),
        ("58131-01-01", "seconds", "is no ISO-8601 time"),
        ("now", "seconds", "is no ISO-8601 time"),
    ],
)
def test_a_fault_says_what_it_looks_like(text: str, unit: TimeUnit, words: str) -> None:
    said = fault_words(text, rule(unit))
    assert words in said
    assert quoted_faults(pa.chunked_array([[None, text, text]]), rule(unit)) == (
        f"{text!r} {said}",
    )
