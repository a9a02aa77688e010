"""Random times of every form and type: the reader gives what a slow one gives, or says that it is
no time.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
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
from tests.sources.times.written import (
    CUTOFF,
    FORMS,
    MOMENTS,
    NOON,
    PLAIN,
    RULES,
    TEXTS,
    read,
    rule,
    spelt,
)
from tests.worlds import make_config


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
    zeros: dict[str, dict[str, Any]] = {"%H": {"hour": 0}, "%M": {"minute": 0}, "%S": {"second": 0}}
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
