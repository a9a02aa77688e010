"""Columns of times of any delivered type, read as UTC seconds; what is none is kept as it was
delivered.

Nothing wraps: every value is brought to whole seconds within 64 bits, and one outside the plausible
range is a fault, not a time. A number is a time in the unit that the settings name and in no other
(`events.timestamp_unit`, `items.available_from_unit`).
What has no offset from UTC is a time of the rule's time zone: of one that occurs twice there the
earlier instant, and one that its clocks skip is a fault. A day alone is its first instant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.sources.columns import EXACT_FLOAT, Read, is_text, with_faults
from recsys_tasks.sources.times.formats import formatted_seconds
from recsys_tasks.sources.times.rule import FIRST_HOUR_KEY, PER_SECOND, YEAR_1, YEAR_10000, TimeRule
from recsys_tasks.sources.times.text import (
    Bools,
    Longs,
    alike_numbers,
    alike_seconds,
    civil_seconds,
    days_alone,
    flags,
    iso_seconds,
)
from recsys_tasks.sources.times.zones import instants_of

_NUMBER = r"^-?([0-9]{1,18}|[0-8][0-9]{18})(\.[0-9]*)?$"  # below 9e18: it fits 64 bits
_SMEAR_ENDS = 31 * 86_400
"""Epoch seconds that someone took for milliseconds or less lie in January 1970, and hardly at
midnight.
"""


class Found(NamedTuple):
    """UTC seconds `[n] int64`, which of them are times, and which occur twice on the local clock
    (None: none); masks `[n] bool`.
    """

    seconds: Longs
    good: Bools
    repeated: Bools | None = None


def read_times(column: pa.ChunkedArray, rule: TimeRule) -> Read:
    """The column as UTC seconds, null where a value is missing or no time, and beside it the
    delivered text of what is no time. Raises TypeError for a column of lists, structs or maps.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_times(pc.cast(column, kind.value_type), rule)
    if pa.types.is_decimal(kind):  # a number, of which the form of text says nothing
        return _texts(pc.cast(column, pa.string()), replace(rule, form=None))
    if is_text(kind):
        return _texts(pc.cast(column, pa.string()), rule)
    if _is_bytes(kind):
        return _bytes(column, rule)
    if pa.types.is_nested(kind):
        raise TypeError("a list, struct or map is no time")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        found = _dates(column, rule)
    elif pa.types.is_integer(kind):
        found = _integers(column, rule)
    elif pa.types.is_floating(kind):
        found = _floats(column, rule)
    else:  # flags, times of day: nothing of the kind is a time
        found = _none(column)
    return _read(column, found, _missing(column))


def count_faults(faults: pa.ChunkedArray, rule: TimeRule) -> dict[str, int]:
    """How many of the delivered texts are no time at all, too early, too late, or not on the clocks
    of the rule's time zone; those without any are left out.
    """
    free = rule.free()
    seconds = read_times(faults, free).values
    on_any_clock = read_times(faults, replace(free, timezone=None)).values
    if rule.form is not None:  # of a column that is no text, as a message shows it
        seconds = pc.coalesce(seconds, read_times(faults, replace(free, form=None)).values)
    early = pc.sum(pc.less(seconds, rule.earliest)).as_py() or 0
    late = pc.sum(pc.greater_equal(seconds, rule.latest)).as_py() or 0
    skipped = pc.sum(pc.and_(pc.is_null(seconds), pc.is_valid(on_any_clock))).as_py() or 0
    unreadable = len(faults) - early - late - skipped
    counts = {"unreadable": unreadable, "too_early": early, "too_late": late, "skipped": skipped}
    return {name: count for name, count in counts.items() if count}


def _missing(column: pa.ChunkedArray) -> Bools:
    floating = pa.types.is_floating(column.type)
    if column.null_count == 0 and not floating:
        return np.zeros(len(column), bool)
    return flags(pc.is_null(column, nan_is_null=floating))


def _read(column: pa.ChunkedArray, found: Found, missing: Bools) -> Read:
    seconds, good, repeated = found
    unread = ~good | missing
    values = pa.array(seconds, mask=unread) if unread.any() else pa.array(seconds)
    read = with_faults(pa.chunked_array([values]), column, unread & ~missing)
    return read if repeated is None else read._replace(repeated=repeated & ~unread)


def _none(column: pa.ChunkedArray) -> Found:
    return Found(np.zeros(len(column), np.int64), np.zeros(len(column), bool))


def _texts(column: pa.ChunkedArray, rule: TimeRule) -> Read:
    alike = alike_seconds(column) if rule.form is None else None
    if alike is not None:
        seconds, is_utc = alike
        clock = pc.fill_null(seconds, 0).to_numpy()
        found = _calendar(clock, rule, np.full(len(clock), not is_utc), lambda: days_alone(column))
        return _read(column, found, _missing(column))
    numbers = alike_numbers(column) if rule.form is None else None
    if numbers is not None:
        return _read(column, _integers(numbers, rule), _missing(column))
    text = pc.ascii_trim_whitespace(column)
    missing = flags(pc.fill_null(pc.equal(text, ""), True))
    if rule.form is not None:
        return _read(column, _formatted(text, rule, rule.form), missing)
    return _read(column, _mixed(text, rule), missing)


def _formatted(text: pa.ChunkedArray, rule: TimeRule, form: str) -> Found:
    clock, exists, is_utc = formatted_seconds(text, form)
    days = np.full(len(clock), not any(part in form for part in ("%H", "%-H", "%I", "%-I")))
    found = _calendar(clock, rule, np.full(len(clock), not is_utc), lambda: days)
    return found._replace(good=found.good & exists)


def _mixed(text: pa.ChunkedArray, rule: TimeRule) -> Found:
    """Texts some of which are numbers, and of which the others have one form or another."""
    numeric = flags(pc.fill_null(pc.match_substring_regex(text, _NUMBER), False))
    seconds, good = np.zeros(len(text), np.int64), np.zeros(len(text), bool)
    repeated = np.zeros(len(text), bool)

    def put(where: Bools, found: Found) -> None:
        seconds[where], good[where] = found.seconds, found.good
        if found.repeated is not None:
            repeated[where] = found.repeated

    if numeric.any():
        put(numeric, _written_numbers(text.filter(pa.array(numeric)), rule))
    if not numeric.all():
        others = text.filter(pa.array(~numeric))
        clock, exists, local = iso_seconds(others)
        found = _calendar(clock, rule, local, lambda: days_alone(others))
        put(~numeric, found._replace(good=found.good & exists))
    return Found(seconds, good, repeated)


def _bytes(column: pa.ChunkedArray, rule: TimeRule) -> Read:
    """Binary columns read as text where they are UTF-8: some writers do not mark text as such.
    Other bytes are no times.
    """
    try:
        text = pc.cast(column, pa.string())
    except pa.ArrowInvalid:
        return _read(column, _none(column), _missing(column))
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
    found = _numbers(np.where(fits, values, 0).astype(np.int64), None, rule)
    return found._replace(good=found.good & fits)


def _floats(column: pa.ChunkedArray, rule: TimeRule) -> Found:
    values = pc.fill_null(pc.cast(column, pa.float64()), 0.0).to_numpy()
    exact = EXACT_FLOAT[column.type.bit_width] if rule.unit not in PER_SECOND else 2.0**62
    fits = np.abs(values) < exact  # false for NaN and the infinite
    whole = np.floor(np.where(fits, values, 0.0))
    found = _numbers(whole.astype(np.int64), whole != np.where(fits, values, 0.0), rule)
    return found._replace(good=found.good & fits)


def _numbers(numbers: Longs, broken: Bools | None, rule: TimeRule) -> Found:
    """Whole numbers (`broken`: a fraction was cut off) in the unit of the rule."""
    if rule.unit in PER_SECOND:
        seconds = numbers // PER_SECOND[rule.unit] if rule.unit != "seconds" else numbers
        good = (seconds >= rule.earliest) & (seconds < rule.latest)
        if rule.unit == "seconds":
            keys = np.flatnonzero(numbers >= max(rule.cutoff, FIRST_HOUR_KEY))
            keys = keys[good[keys]]
            good[keys] = ~civil_seconds(numbers[keys] * 10_000)[1]
        return Found(seconds, good)
    are_days = rule.unit == "yyyymmdd"
    least, most = (1000_01_01, 9999_12_31) if are_days else (1000_01_01_000000, 9999_12_31_235959)
    good = (numbers >= least) & (numbers <= most) & (True if broken is None else ~broken)
    clock, exists = civil_seconds(np.where(good, numbers, 0) * (1_000_000 if are_days else 1))
    local, days = np.ones(len(clock), bool), np.full(len(clock), are_days)
    found = _calendar(clock, replace(rule, any_date=False), local, lambda: days)
    return found._replace(good=found.good & good & exists)


def _dates(column: pa.ChunkedArray, rule: TimeRule) -> Found:
    kind = column.type
    days = np.full(len(column), pa.types.is_date(kind))
    if pa.types.is_date32(kind):
        clock = pc.fill_null(pc.cast(column, pa.int32()), 0).to_numpy().astype(np.int64) * 86_400
    else:
        unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[
            "ms" if pa.types.is_date64(kind) else kind.unit
        ]
        values = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy()
        clock = values // unit if unit > 1 else values
    is_utc = pa.types.is_timestamp(kind) and kind.tz is not None
    return _calendar(clock, rule, np.full(len(clock), not is_utc), lambda: days)


def _calendar(clock: Longs, rule: TimeRule, local: Bools, days: Callable[[], Bools]) -> Found:
    """Dates and timestamps as instants in the rule's range, or in any year where it says so.

    `clock` are seconds of a clock, `[n] int64`; where `local` is true, of the rule's time zone,
    elsewhere of UTC. `days` says which are days alone, `[n] bool`: a day begins at its first
    instant, whatever its clocks do then.
    """
    seconds, skipped, repeated = clock, np.zeros(len(clock), bool), None
    if rule.timezone is not None and local.any():
        moments = instants_of(clock, rule.timezone)
        seconds = np.where(local, moments.seconds, clock)
        skipped, repeated = moments.skipped & local, moments.repeated & local
        if skipped.any() or repeated.any():
            skipped, repeated = skipped & ~days(), repeated & ~days()
    if not rule.any_date:
        good = (seconds >= rule.earliest) & (seconds < rule.latest)
    else:
        smeared = (clock > 0) & (clock < _SMEAR_ENDS) & (clock % 86_400 != 0)
        good = (clock >= YEAR_1) & (clock < YEAR_10000) & ~smeared
    return Found(seconds, good & ~skipped, repeated)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
