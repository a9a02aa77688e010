"""Strategies of single values, by what the column means and how the part stores it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from recsys_tasks.clock import start_of
from tests.sources.fuzz.shapes import ABSENT, AS_OF, Meaning, Style
from tests.sources.times.written import FORMS, MOMENTS, PLAIN, spelt

NIGHT = start_of(AS_OF)
TIME_FORMAT = "%d.%m.%Y %H:%M:%S"
# clocks of Berlin and of Cairo are set around these
_TURNS = [
    datetime(2025, *day, tzinfo=UTC) for day in ((10, 26, 1), (3, 30, 1), (4, 24, 22), (10, 30, 21))
]
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "int8": pa.int8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "decimal": pa.decimal128(20, 0),
    "decimal2": pa.decimal128(20, 2),
    "bool": pa.bool_(),
    "date32": pa.date32(),
    "date64": pa.date64(),
    "list": pa.list_(pa.string()),
    "null": pa.null(),
    **{f"timestamp {unit}": pa.timestamp(unit) for unit in PER_SECOND},
    **{f"timestamp {unit} UTC": pa.timestamp(unit, "UTC") for unit in PER_SECOND},
    **{f"timestamp {unit} Berlin": pa.timestamp(unit, "Europe/Berlin") for unit in PER_SECOND},
}
STORED: dict[Meaning, tuple[str, ...]] = {
    "id": (
        "string",
        "large_string",
        "dictionary",
        "int32",
        "int64",
        "uint64",
        "float64",
        "decimal",
    ),
    "text": ("string", "large_string", "dictionary", "int64", "null"),
    "number": ("float64", "float32", "int32", "int64", "uint64", "decimal2", "string", "null"),
    "flag": ("bool", "int8", "string", "null"),
    "values": ("list", "string", "null"),
    "time": (
        *(name for name in TYPES if name.startswith("timestamp")),
        *("int64", "float64", "date32", "date64", "string", "dictionary", "decimal", "null"),
    ),
}
STORED["launch"] = STORED["time"]

_CHARACTERS = st.characters(exclude_categories=["Cs"])
_ODD_IDS = [
    *("007", "7", "0", "ann", "Zoë", "日本", "a,b", 'say "hi"', "two\nlines", "cr\rid", "cr\r\nlf"),
    *(" lead", "trail ", "\t", "  ", "NULL", "null", "None", "nan", "N/A", "\\N", "-", "guest"),
    *("x" * 256, "x" * 257, "é" * 128, "é" * 129, "z" * 1000, "nul\0id", "'", '"', '""', "#", ";"),
    *("a;b|c\td", "1e5", "0x10", "１", "\u2028x", "\x85y", "\ufeffz", "true", "1.0", "+7", "-0"),
]
_GOOD_IDS = [f"customer-{n}" for n in range(6)] + ["1001", "1002"]
TELLING_IDS = {*_GOOD_IDS[:-2], *(one for one in _ODD_IDS if not one.isalnum() and len(one) > 4)}
SHORT_IDS = ("4.00638E+12", "1,00E+05", "1E+20", "2.5E-07")
"""What a spreadsheet or a float leaves of several ids."""
IDS = (
    st.sampled_from(_GOOD_IDS)
    | st.sampled_from(_ODD_IDS)
    | st.sampled_from([*_GOOD_IDS, *SHORT_IDS])
    | st.text(_CHARACTERS, max_size=6)
)
_TEXTS = st.sampled_from(["purchase", "view", "red", "blau", "tall, dark"]) | IDS
_BAD_TIMES = [
    *("soon", "-", "15.01.2026", "01/31/2026", "2026-02-30", "nan", "NULL", "0000-00-00", "10:00"),
    *("12026-01-15", "1,768,471,200", "true", "January", "2026-13-01", "1768471200x", "inf"),
]
_NUMBERS = [
    *(
        "0",
        "1",
        "9.90",
        "0.10",
        "-1",
        "-0",
        "+5",
        ".5",
        "5.",
        "1e3",
        "1E-3",
        "1e300",
        "007",
        "1e39",
    ),
    *("inf", "-inf", "Infinity", "nan", "NaN", "none", "n/a", "5,50", "1 000", "1_000", "0x10"),
    *(
        "12.5.1",
        "--1",
        "1e",
        "€5",
        "１２",
        "1e999",
        "16777217",
        "9007199254740993",
        "",
        "5 EUR",
        "1,5",
        "1.234,5",
        "0,10",
        "1.234",
        "1,234",
        "-12,345,678.50",
        "12.345.678",
        "1'234.5",
        "1'234'567,89",
        "1,23,456",
        "1234,567",
        "1,234e3",
    ),
]
_FLAGS = [
    *("true", "false", "True", "FALSE", "yes", "no", "Yes", "NO", "1", "0", "", "", "sold out"),
    *("maybe", "2", "-1", "truefalse", "null"),
]
_TAGS = ["red", "red|big", "a|b|c", "", "x y", "ä|ö", "NULL"]


def encodable(text: str, encoding: str) -> str:
    """The text with a question mark for what the encoding lacks."""
    return text.encode(encoding, "replace").decode(encoding)


def seconds() -> st.SearchStrategy[int]:
    """UTC seconds: most of the ten days before the night and three after, many at midnight."""
    near = st.integers(NIGHT - 10 * 86_400, NIGHT + 3 * 86_400)
    days = st.integers(-10, 3).map(lambda d: NIGHT + d * 86_400)
    beside = st.builds(int.__add__, days, st.sampled_from([-1, 0, 1]))
    odd = st.sampled_from(
        [0, -1, 1, 631_152_000, 631_151_999, 2**31, 253_402_300_799, NIGHT * 1000]
    )
    turns = st.builds(
        lambda turn, minutes: int(turn.timestamp()) + 60 * minutes,
        *(st.sampled_from(_TURNS), st.integers(-180, 240)),
    )
    return st.one_of(near, near, days, beside, turns, odd)


def _time_texts(style: Style, meaning: Meaning) -> st.SearchStrategy[str]:
    unit = style.unit if meaning == "time" else style.launch_unit
    moments = seconds().map(moment) | MOMENTS
    zones = st.sampled_from(
        [
            *("", "Z", "z", " UTC", "+00:00", "-03:30", "+0530", "+09", " CEST", " EST", " CST"),
            *("+01:00[Europe/Berlin]", "Z[UTC]", "[Europe/Berlin]"),
        ]
    )
    written = st.builds(
        lambda m, form, zone: spelt(m, form) + (zone if "%H" in form else ""),
        *(moments, st.sampled_from(FORMS), zones),
    )
    counts = seconds().map(lambda s: _in_unit(s, unit))
    if style.time_format is not None:
        written |= moments.filter(lambda m: m.year >= 1000).map(lambda m: m.strftime(TIME_FORMAT))
    return st.one_of(written, written, counts, PLAIN, st.sampled_from(_BAD_TIMES), st.just(""))


def moment(second: int) -> datetime:
    """A UTC second as a date and time, within the years that have four digits."""
    return datetime.fromtimestamp(min(max(second, -(10**10)), 253_402_214_400), UTC)


def _in_unit(second: int, unit: str) -> str:
    if unit in _UNITS:
        return str(second * _UNITS[unit])
    form = "%Y%m%d" if unit == "yyyymmdd" else "%Y%m%d%H%M%S"
    return spelt(moment(second), form)


@cache
def texts(style: Style, meaning: Meaning) -> st.SearchStrategy[str]:
    """What a cell of CSV holds; missing values as "" or a null word."""
    base = {
        "id": IDS,
        "text": _TEXTS,
        "number": st.sampled_from(_NUMBERS)
        | st.floats(0, 1e6).map(repr)
        | st.integers(-(10**20), 10**20).map(str),
        "flag": st.sampled_from(_FLAGS),
        "values": st.sampled_from(_TAGS),
    }.get(meaning)
    strategy = _time_texts(style, meaning) if base is None else base
    missing = st.sampled_from(["", *style.null_words])
    return st.one_of(strategy, strategy, strategy, missing).map(
        lambda t: encodable(t, style.encoding)
    )


@cache
def json_values(style: Style, meaning: Meaning) -> st.SearchStrategy[Any]:
    """What a cell of JSON holds."""
    # JSON is UTF-8, always
    plain = replace(style, encoding="utf-8", null_words=())
    options: list[st.SearchStrategy[Any]] = [texts(plain, meaning)] * 3
    if meaning in ("id", "text"):
        options += [st.integers(-9, 2**64)]
    if meaning == "number":
        options += [st.integers(-9, 2**64), st.floats(allow_nan=False, allow_infinity=False)]
    if meaning in ("time", "launch"):
        options += [_time_counts(style, meaning)]
    if meaning == "flag":
        options += [st.booleans(), st.sampled_from([0, 1, 2])]
    if meaning == "values":
        options += [_LISTS]
    return st.one_of(*options, st.none(), st.just(ABSENT))


def _time_counts(style: Style, meaning: Meaning) -> st.SearchStrategy[int]:
    unit = style.unit if meaning == "time" else style.launch_unit
    return seconds().map(lambda s: int(_in_unit(s, unit)))


_LISTS = st.lists(st.none() | st.sampled_from(["red", "big", "", "ä", "x y"]), max_size=3)
_WIDTHS = {"int8": (-128, 127), "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_WIDTHS["uint64"] = (0, 2**64 - 1)


@cache
def parquet_values(kind: str, style: Style, meaning: Meaning) -> st.SearchStrategy[Any]:
    """What a cell of a Parquet column of a type holds, as Python or as a count of the type's
    unit.
    """
    if kind == "null":
        return st.none()
    return st.none() | _present(
        kind, Style(unit=style.unit, launch_unit=style.launch_unit), meaning
    )


def _present(kind: str, style: Style, meaning: Meaning) -> st.SearchStrategy[Any]:
    timed = meaning in ("time", "launch")
    if kind in ("string", "large_string", "dictionary"):
        return texts(style, meaning)
    if kind.startswith("timestamp"):
        per = PER_SECOND[kind.split()[1]]
        return st.builds(
            lambda s, odd: min(max(s * per + odd % per, -(2**63)), 2**63 - 1),
            *(seconds(), st.integers(0, 999)),
        )
    if kind in ("date32", "date64"):
        return seconds().map(lambda s: min(s // 86_400, 2_900_000))
    if kind in _WIDTHS:
        low, high = _WIDTHS[kind]
        if timed:
            return _time_counts(style, meaning).map(lambda n: min(max(n, low), high))
        few = st.sampled_from([0, 1, 2, 7, 100, low, high])
        return few | st.integers(low, high) | st.integers(max(low, -2), 20)
    if kind in ("float64", "float32"):
        return _floats(kind, style, meaning, timed)
    if kind == "decimal":
        return (
            _time_counts(style, meaning).map(Decimal)
            if timed
            else st.integers(-9, 10**19).map(Decimal)
        )
    if kind == "decimal2":
        return st.integers(-99, 10**9).map(lambda cents: Decimal(cents).scaleb(-2))
    return {"bool": st.booleans(), "list": _LISTS}[kind]


def _floats(kind: str, style: Style, meaning: Meaning, timed: bool) -> st.SearchStrategy[float]:
    if timed:
        halves = st.sampled_from([0.0, 0.5])
        odd = st.sampled_from([float("nan"), float("inf"), -1.5, 1e300])
        return st.builds(lambda n, half: n + half, _time_counts(style, meaning), halves) | odd
    if meaning == "id":
        whole = st.integers(-9, 10**6) | st.integers(0, 2**53 - 1)
        rare = st.sampled_from([0.5, 7.25, float("nan"), 2.0**54, float("inf")])
        return st.one_of(whole.map(float), whole.map(float), whole.map(float), rare)
    every = st.floats(width=32) if kind == "float32" else st.floats()
    return every | st.sampled_from([0.0, 1.0, 9.5, -1.0])
