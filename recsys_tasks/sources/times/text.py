"""Calendar times written as text or as digits, whole columns at once: ISO 8601 and nothing else is
a time.

No general parser reads here: those take `now`, `5` and the names of months for times, and wrap
where nanoseconds end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_DAY = r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}/[0-9]{2}/[0-9]{2})"
_CLOCK = r"[Tt ][0-9]{2}(:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?)?"
_BASIC = r"[0-9]{8}[Tt ][0-9]{2}([0-9]{2}([0-9]{2}([.,][0-9]+)?)?)?"
_ZONE_HOURS = {
    word: hours
    for hours, words in (
        *((-8, "PST"), (-7, "PDT MST"), (-6, "MDT"), (-5, "EST"), (-4, "EDT"), (0, "UTC GMT WET")),
        *((1, "CET WEST"), (2, "CEST EET"), (3, "EEST MSK"), (9, "JST")),
    )
    for word in words.split()
}
"""Hours ahead of UTC of words for zones that mean one zone; CST, IST or BST mean several."""
_ZONE_WORD = "|".join(_ZONE_HOURS)
_ZONE = rf" ?([Zz]|{_ZONE_WORD}|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)(\[[A-Za-z0-9_/+-]+\])?"
_LOCAL = rf"{_DAY}{_CLOCK}|{_BASIC}"
_SHAPE = rf"^({_DAY}|({_LOCAL})({_ZONE})?)$"  # a day alone has no offset
_DIGITS = r"^([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})[Tt ]?([0-9]{2})?:?([0-9]{2})?:?([0-9]{2})?.*$"
_PROBE = 100
_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def alike_seconds(text: Any) -> tuple[pa.ChunkedArray, bool] | None:
    """(seconds, whether they are UTC's, as all have an offset) of ISO-8601 texts of one form, all
    with an offset or none, by Arrow's own parser; None for others.
    """
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        moments = _cast(text, kind)
        if moments is None:
            continue
        micros = pc.cast(moments, pa.int64())
        values = np.floor_divide(pc.fill_null(micros, 0).to_numpy(), 1_000_000)
        seconds = pa.chunked_array([pa.array(values, mask=flags(pc.is_null(micros)))])
        return seconds, kind.tz is not None
    return None


def alike_numbers(text: Any) -> pa.ChunkedArray | None:
    """A column of whole numbers written in digits; None if any value is something else."""
    numbers = _cast(text, pa.int64())
    # Arrow reads 0x1f, too
    hexadecimal = numbers is not None and any(
        pc.any(pc.match_substring(text, x)).as_py() for x in "xX"
    )
    return None if hexadecimal else numbers


def _cast(text: Any, kind: pa.DataType) -> pa.ChunkedArray | None:
    """The whole column; None where a text does not fit, which is found out on a few first: failing
    costs as much.
    """
    try:
        pc.cast(text.slice(0, _PROBE), kind)
        return pc.cast(text, kind)
    except pa.ArrowInvalid:
        return None


def iso_seconds(text: Any) -> tuple[Longs, Bools, Bools]:
    """(seconds, parts of one left out; whether it is a time; whether the seconds are those of a
    local clock, as it has no offset) of texts in ISO 8601, blanks around them cut off.

    With an offset the seconds are UTC's. Beside `YYYY-MM-DD`, alone or with a time, slashes and the
    basic form with a time (`20260115T100000`) are read; offsets are `Z`, words for zones that mean
    one, `+hh`, `+hhmm` and `+hh:mm`; a zone's name behind one, as in `+01:00[Europe/Berlin]`, says
    nothing further. All are `[n]`, int64 and bool.
    """
    seconds, exists = np.zeros(len(text), np.int64), np.zeros(len(text), bool)
    local = np.zeros(len(text), bool)
    shaped = flags(pc.fill_null(pc.match_substring_regex(text, _SHAPE), False))
    if shaped.any():
        some = text.filter(pa.array(shaped))
        digits = pc.replace_substring_regex(some, _DIGITS, r"\1\2\3\4\5\6")
        clock, exists[shaped] = civil_seconds(
            pc.cast(pc.utf8_rpad(digits, 14, "0"), pa.int64()).to_numpy()
        )
        seconds[shaped] = clock - _offsets(some)
        local[shaped] = flags(pc.match_substring_regex(some, rf"^({_LOCAL}|{_DAY})$"))
    return seconds, exists, local


def days_alone(text: Any) -> Bools:
    """Whether each text is a day without a time of day, `[n] bool`."""
    return flags(pc.fill_null(pc.match_substring_regex(text, rf"^\s*{_DAY}\s*$"), False))


def civil_seconds(digits: Longs) -> tuple[Longs, Bools]:
    """(UTC seconds `[n] int64`, whether there is such a time `[n] bool`) of numbers that read
    YYYYMMDDhhmmss, `[n] int64`.
    """
    rest, second = np.divmod(digits, 100)
    rest, minute = np.divmod(rest, 100)
    rest, hour = np.divmod(rest, 100)
    rest, day = np.divmod(rest, 100)
    year, month = np.divmod(rest, 100)
    exists = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12)
    exists &= (hour < 24) & (minute < 60) & (second < 60)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = _MONTH_DAYS[np.where(exists, month - 1, 0)] + (leap & (month == 2))
    exists &= (day >= 1) & (day <= longest)
    # days since 1970 of the proleptic Gregorian calendar; a year that begins in March has its leap
    # day last
    year = np.where(exists, year - (month <= 2), 1970)
    month = np.where(exists, np.where(month > 2, month - 3, month + 9), 0)
    days = (
        365 * year
        + year // 4
        - year // 100
        + year // 400
        + (153 * month + 2) // 5
        + day
        - 1
        - 719_468
    )
    return np.where(exists, days * 86_400 + hour * 3600 + minute * 60 + second, 0), exists


def _offsets(texts: Any) -> Longs:
    """Offset of each text's time zone from UTC, in seconds `[n] int64`; 0 where it names none."""
    coded = (
        pc.replace_substring_regex(texts, rf"^({_LOCAL}|{_DAY})", "")
        .combine_chunks()
        .dictionary_encode()
    )
    ahead = np.array([_offset(zone) for zone in coded.dictionary.to_pylist()] or [0], np.int64)
    return ahead[coded.indices.to_numpy()]


def _offset(zone: str) -> int:
    zone = zone.strip().partition("[")[0]
    if zone in _ZONE_HOURS:
        return _ZONE_HOURS[zone] * 3600
    digits = zone.removeprefix("+").removeprefix("-").replace(":", "")
    if not digits.isdecimal():
        return 0  # Z, or none
    ahead = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -ahead if "-" in zone else ahead


def flags(column: Any) -> Bools:
    """A boolean column without nulls as an array, `[n] bool`."""
    values = (
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    )
    return np.asarray(values, bool)
