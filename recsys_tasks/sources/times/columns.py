"""Columns of times of any delivered type, read as UTC seconds; what is none is kept as it was
delivered.

Nothing wraps: every value is brought to whole seconds within 64 bits, and one outside the plausible
range is a fault, not a time. A number is a time in the unit that the settings name and in no other.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.sources.columns import EXACT_FLOAT, Read, is_text, with_faults
from recsys_tasks.sources.times.rule import FIRST_HOUR_KEY, PER_SECOND, YEAR_1, YEAR_10000, TimeRule
from recsys_tasks.sources.times.text import (
    Bools,
    Longs,
    alike_numbers,
    alike_seconds,
    civil_seconds,
    flags,
    iso_seconds,
)

_NUMBER = r"^-?([0-9]{1,18}|[0-8][0-9]{18})(\.[0-9]*)?$"  # below 9e18: it fits 64 bits
_SMEAR_ENDS = 31 * 86_400
"""Epoch seconds that someone took for milliseconds or less lie in January 1970, and hardly at
midnight.
"""

Found = tuple[Longs, Bools]
"""(seconds `[n] int64`, mask `[n] bool` of those that are times)."""


def read_times(column: pa.ChunkedArray, rule: TimeRule) -> Read:
    """The column as UTC seconds, null where a value is missing or no time, and beside it the
    delivered text of what is no time.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_times(pc.cast(column, kind.value_type), rule)
    if is_text(kind) or pa.types.is_decimal(kind):
        return _texts(pc.cast(column, pa.string()), rule)
    if _is_bytes(kind):
        return _bytes(column, rule)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        seconds, good = _dates(column, rule)
    elif pa.types.is_integer(kind):
        seconds, good = _integers(column, rule)
    elif pa.types.is_floating(kind):
        seconds, good = _floats(column, rule)
    else:  # flags, times of day, lists: nothing of the kind is a time
        seconds, good = np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    return _read(column, seconds, good, _missing(column))


def count_faults(faults: pa.ChunkedArray, rule: TimeRule) -> dict[str, int]:
    """How many of the delivered texts are no time at all, too early or too late; those without any
    are left out.
    """
    seconds = read_times(faults, rule.free()).values
    early = pc.sum(pc.less(seconds, rule.earliest)).as_py() or 0
    late = pc.sum(pc.greater_equal(seconds, rule.latest)).as_py() or 0
    counts = {"unreadable": len(faults) - early - late, "too_early": early, "too_late": late}
    return {name: count for name, count in counts.items() if count}


def _missing(column: pa.ChunkedArray) -> Bools:
    floating = pa.types.is_floating(column.type)
    if column.null_count == 0 and not floating:
        return np.zeros(len(column), bool)
    return flags(pc.is_null(column, nan_is_null=floating))


def _read(column: pa.ChunkedArray, seconds: Longs, good: Bools, missing: Bools) -> Read:
    unread = ~good | missing
    if not unread.any():
        return with_faults(pa.chunked_array([pa.array(seconds)]), column, unread)
    return with_faults(
        pa.chunked_array([pa.array(seconds, mask=unread)]), column, unread & ~missing
    )


def _texts(column: pa.ChunkedArray, rule: TimeRule) -> Read:
    alike = alike_seconds(column)
    if alike is not None:
        seconds = pc.fill_null(alike, 0).to_numpy()
        return _read(column, seconds, _calendar(seconds, rule), _missing(column))
    numbers = alike_numbers(column)
    if numbers is not None:
        return _read(column, *_integers(numbers, rule), _missing(column))
    text = pc.ascii_trim_whitespace(column)
    missing = flags(pc.fill_null(pc.equal(text, ""), True))
    numeric = flags(pc.fill_null(pc.match_substring_regex(text, _NUMBER), False))
    seconds, good = np.zeros(len(text), np.int64), np.zeros(len(text), bool)
    if numeric.any():
        seconds[numeric], good[numeric] = _written_numbers(text.filter(pa.array(numeric)), rule)
    if not numeric.all():
        found, exists = iso_seconds(text.filter(pa.array(~numeric)))
        seconds[~numeric], good[~numeric] = found, exists & _calendar(found, rule)
    return _read(column, seconds, good, missing)


def _bytes(column: pa.ChunkedArray, rule: TimeRule) -> Read:
    """Binary columns read as text where they are UTF-8: some writers do not mark text as such.
    Other bytes are no times.
    """
    try:
        text = pc.cast(column, pa.string())
    except pa.ArrowInvalid:
        none = np.zeros(len(column), np.int64)
        return _read(column, none, none.astype(bool), _missing(column))
    return read_times(text, rule)


def _written_numbers(text: pa.ChunkedArray, rule: TimeRule) -> Found:
    """Numbers written in digits, with or without a fraction (`1768471200.0`)."""
    pointed = pc.match_substring(text, ".")
    if not pc.any(pointed).as_py():
        return _numbers(pc.cast(text, pa.int64()).to_numpy(), None, rule)
    whole = pc.cast(pc.replace_substring_regex(text, r"\..*$", ""), pa.int64()).to_numpy()
    broken = flags(pc.match_substring_regex(text, r"\.[0-9]*[1-9]"))
    return _numbers(whole - (broken & flags(pc.starts_with(text, "-"))), broken, rule)


def _integers(column: pa.ChunkedArray, rule: TimeRule) -> Found:
    values = pc.fill_null(column, 0).to_numpy()
    if values.dtype != np.uint64:
        return _numbers(values.astype(np.int64, copy=False), None, rule)
    fits = values <= np.uint64(2**63 - 1)
    seconds, good = _numbers(np.where(fits, values, 0).astype(np.int64), None, rule)
    return seconds, good & fits


def _floats(column: pa.ChunkedArray, rule: TimeRule) -> Found:
    values = pc.fill_null(pc.cast(column, pa.float64()), 0.0).to_numpy()
    exact = EXACT_FLOAT[column.type.bit_width] if rule.unit not in PER_SECOND else 2.0**62
    fits = np.abs(values) < exact  # false for NaN and the infinite
    whole = np.floor(np.where(fits, values, 0.0))
    seconds, good = _numbers(whole.astype(np.int64), whole != np.where(fits, values, 0.0), rule)
    return seconds, good & fits


def _numbers(numbers: Longs, broken: Bools | None, rule: TimeRule) -> Found:
    """Whole numbers (`broken`: a fraction was cut off) in the unit of the rule."""
    if rule.unit in PER_SECOND:
        seconds = numbers // PER_SECOND[rule.unit] if rule.unit != "seconds" else numbers
        good = (seconds >= rule.earliest) & (seconds < rule.latest)
        if rule.unit == "seconds":
            keys = np.flatnonzero(numbers >= max(rule.cutoff, FIRST_HOUR_KEY))
            keys = keys[good[keys]]
            good[keys] = ~civil_seconds(numbers[keys] * 10_000)[1]
        return seconds, good
    days_alone = rule.unit == "yyyymmdd"
    least, most = (1000_01_01, 9999_12_31) if days_alone else (1000_01_01_000000, 9999_12_31_235959)
    good = (numbers >= least) & (numbers <= most) & (True if broken is None else ~broken)
    seconds, exists = civil_seconds(np.where(good, numbers, 0) * (1_000_000 if days_alone else 1))
    return seconds, good & exists & (seconds >= rule.earliest) & (seconds < rule.latest)


def _dates(column: pa.ChunkedArray, rule: TimeRule) -> Found:
    kind = column.type
    if pa.types.is_date32(kind):
        days = pc.fill_null(pc.cast(column, pa.int32()), 0).to_numpy()
        seconds = days.astype(np.int64) * 86_400
    else:
        unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[
            "ms" if pa.types.is_date64(kind) else kind.unit
        ]
        values = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy()
        seconds = values // unit if unit > 1 else values
    return seconds, _calendar(seconds, rule)


def _calendar(seconds: Longs, rule: TimeRule) -> Bools:
    """Mask of the dates and timestamps in the rule's range, or in any year where it says so."""
    if not rule.any_date:
        return (seconds >= rule.earliest) & (seconds < rule.latest)
    smeared = (seconds > 0) & (seconds < _SMEAR_ENDS) & (seconds % 86_400 != 0)
    return (seconds >= YEAR_1) & (seconds < YEAR_10000) & ~smeared


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
