"""How a column of times is to be read: the unit of its numbers or the form of its text, and the
time zone that its clocks give away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config.base import TimeUnit
from recsys_tasks.sources.columns import is_text
from recsys_tasks.sources.times.columns import read_times
from recsys_tasks.sources.times.rule import TimeRule

_UNITS: Final[tuple[TimeUnit, ...]] = (
    "seconds",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "yyyymmdd",
    "yyyymmddhhmmss",
)
_DAYS: Final = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y"),
    *("%B %d, %Y", "%d-%b-%y", "%a %b %d %Y", "%d/%b/%Y"),
)
_CLOCKS: Final = (
    *("", " %H:%M:%S", " %H:%M", " %H", " %I:%M:%S %p", " %I:%M %p", ", %H:%M:%S", ", %H:%M"),
    *(", %I:%M:%S %p", ", %I:%M %p", " %H:%M:%S.%f", ":%H:%M:%S %z", "T%H:%M:%S"),
)
FORMS: Final = (
    *(f"{day}{clock}" for day in _DAYS for clock in _CLOCKS),
    *("%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p", "%Y%m%d %I:%M:%S %p", "%Y%m%d %I:%M %p"),
    *("%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%H:%M:%S %d.%m.%Y", "%H:%M %d.%m.%Y"),
)
"""Forms of text that shops write beside ISO 8601."""
_ZONES: Final = (
    *("Europe/London", "Europe/Berlin", "Europe/Helsinki"),
    *("America/New_York", "Australia/Sydney"),
)
"""One of each set of zones whose clocks skip the same hour of the same day."""
_FIRST_YEAR = 631_152_000  # 1990-01-01
_DAY, _HOUR = 86_400, 3_600
_SAMPLE, _FIRST = 2_000, 20
_MOST = 0.99
_FEWEST_IN_AN_HOUR = 10


class Reading(NamedTuple):
    """How nearly all values of a column are times."""

    unit: TimeUnit = "seconds"
    form: str | None = None
    """Form of text, as `events.timestamp_format` has it; None: ISO 8601, or no text."""
    also: str | None = None
    """Another form that fits all of them, too."""


def reading_of(
    column: pa.ChunkedArray, now: datetime, numeric: bool, share: float = _MOST
) -> Reading | None:
    """The reading under which nearly all values are times from 1990 to a day from `now`; None where
    there is none, or where numbers have more than one; `numeric`: whether its values are numbers,
    `share`: how many of them must be times.
    """
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_boolean(kind) or column.null_count == len(column):
        return None
    step = max(1, len(column) // _SAMPLE)
    some = column.take(pa.array(np.arange(0, len(column), step)))

    def fits(reading: Reading) -> bool:
        read = read_times(some, _rule(reading, now)).values
        return bool(len(read) - read.null_count >= share * (len(some) - some.null_count))

    units = [unit for unit in _UNITS if fits(Reading(unit))]
    dated = pa.types.is_temporal(kind) or not numeric
    if units:
        return Reading(units[0]) if dated or len(units) == 1 else None
    return _formed(some, fits) if is_text(kind) and not numeric else None


def _formed(some: pa.ChunkedArray, fits: Callable[[Reading], bool]) -> Reading | None:
    """The form of text that fits, and another one that does."""
    first = [value.strip() for value in some.drop_null().slice(0, _FIRST).to_pylist()]
    if sum(any(sign.isdigit() for sign in value) for value in first) < _MOST * len(first):
        return None
    likely = [form for form in FORMS if _is_written(first, form)]
    found = [form for form in likely if fits(Reading(form=form))]
    if not found:
        return None
    return Reading(form=found[0], also=found[1] if len(found) > 1 else None)


def _is_written(texts: Sequence[str], form: str) -> bool:
    """Whether most of a few texts have a form: many forms are tried so, before whole columns."""
    written = 0
    for text in texts:
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 - only whether it can be read
        except ValueError:
            continue
        written += 1
    return written >= 0.5 * len(texts) > 0


def seconds_of(column: pa.ChunkedArray, reading: Reading, now: datetime) -> npt.NDArray[np.int64]:
    """`[n] int64`: a column's values as seconds, of UTC or of the clock that they were read from;
    -1 where they are none.
    """
    read = read_times(column, _rule(reading, now)).values
    return pc.fill_null(read, -1).to_numpy().astype(np.int64)


def _rule(reading: Reading, now: datetime) -> TimeRule:
    until = int(now.timestamp()) + _DAY
    return TimeRule(reading.unit, "", _FIRST_YEAR, until, until, form=reading.form)


def is_local(column: pa.ChunkedArray, reading: Reading) -> bool:
    """Whether times of a column have hours and no offset from UTC, so that a zone is needed."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return kind.tz is None and _has_hours(pc.cast(column, pa.string()))
    if not is_text(kind):
        return reading.unit == "yyyymmddhhmmss"
    if reading.form is not None:
        return "%z" not in reading.form and ("%H" in reading.form or "%I" in reading.form)
    if reading.unit == "yyyymmddhhmmss":
        return True
    offset = r":[0-9]{2}([.,][0-9]+)? ?([Zz]|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?)\s*$"
    known = column.drop_null()
    return _has_hours(known) and not pc.any(pc.match_substring_regex(known, offset)).as_py()


def _has_hours(text: pa.ChunkedArray) -> bool:
    at_midnight = r"[ T]00(:00(:00(\.0+)?)?)?$"
    hours = r"[0-9]{2}[T ]?[0-9]{2}:[0-9]{2}|[0-9]{2} ([01][0-9]|2[0-3])$"
    timed = pc.match_substring_regex(text, hours)
    return bool(
        pc.any(pc.and_(timed, pc.invert(pc.match_substring_regex(text, at_midnight)))).as_py()
    )


def zone_by_skipped_hours(clock: npt.NDArray[np.int64]) -> tuple[str, str] | None:
    """(a time zone, the hour that its clocks skipped) of local seconds `[n] int64` that have no row
    in that hour, where many were to be expected; None where no such hour is among them, or more
    zones than one have one.
    """
    known = clock[clock >= 0]
    if not known.size:
        return None
    hours, rows = np.unique(known // _HOUR, return_counts=True)
    found = []
    for zone in _ZONES:
        skipped = _skipped_hours(zone, int(hours[0]), int(hours[-1]))
        told = [hour for hour in skipped if _is_expected(hours, rows, hour)]
        if told and not np.isin(told, hours).any():
            moment = datetime.fromtimestamp(told[0] * _HOUR, UTC)
            found.append((zone, f"{moment:%Y-%m-%d %H:%M}"))
    return found[0] if len(found) == 1 else None


def _is_expected(hours: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], hour: int) -> bool:
    """Whether the same hour of the days around it always has rows, and enough of them."""
    around = [
        24 * day for day in range(-14, 15) if day and hours[0] <= hour + 24 * day <= hours[-1]
    ]
    found = [int(rows[hours == hour + step].sum()) for step in around]
    return len(found) >= 7 and min(found) > 0 and float(np.mean(found)) >= _FEWEST_IN_AN_HOUR


def _skipped_hours(zone: str, first: int, last: int) -> Iterator[int]:
    """Hours since the epoch of a zone's own clock that it skips, from a first to a last."""
    place = ZoneInfo(zone)
    for day in range(first // 24, last // 24 + 1):
        midnight = datetime.fromtimestamp(day * _DAY, UTC).replace(tzinfo=place)
        noon = midnight + timedelta(hours=12)
        if noon.utcoffset() > midnight.utcoffset():  # type: ignore[operator]  # of a ZoneInfo
            for hour in range(12):
                local = midnight + timedelta(hours=hour)
                back = local.astimezone(UTC).astimezone(place)
                if back.replace(tzinfo=None) != local.replace(tzinfo=None):
                    yield day * 24 + hour
