"""Times read one by one with Python's own dates and exact numbers: slow, and simple enough to be
believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from recsys_tasks.sources.times.rule import TimeRule

MISSING, FAULT = "missing", "fault"
Answer = int | str
_HOURS = {-8: "PST", -7: "PDT MST", -6: "MDT", -5: "EST", -4: "EDT", 0: "UTC GMT WET"}
_HOURS |= {1: "CET WEST", 2: "CEST EET", 3: "EEST MSK", 9: "JST"}
WORDS = {word: f"{hours:+03d}:00" for hours, some in _HOURS.items() for word in some.split()}
"""Words for zones that mean one zone each."""
_EACH = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}


def slow_text(text: str | None, rule: TimeRule) -> Answer:
    """UTC seconds; MISSING where there is nothing; FAULT where no reading is the right one."""
    if text is None or not (text := text.strip(" \t\n\r\v\f")):
        return MISSING
    if re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", text):
        return slow_number(Fraction(Decimal(text)), rule)
    zone = re.search(r"(?<=[0-9]) ?([A-Za-z]+)(\[[A-Za-z0-9_/+-]+\])?$", text)
    if zone and (zone[1] in WORDS or zone[1] in ("Z", "z")):
        text = text[: zone.start()] + WORDS.get(zone[1], "+00:00")
    text = (  # a zone's name says something further only behind an offset
        re.sub(r"([Tt ].*[+-][0-9]{2}(:?[0-9]{2})?)\[[A-Za-z0-9_/+-]+\]$", r"\1", text)
        .replace("/", "-")
        .replace(" +", "+")
        .replace(" -", "-")
    )
    if not text.isascii() or "W" in text:
        return FAULT
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return FAULT
    local = moment.replace(tzinfo=UTC, microsecond=0)
    return slow_date(
        int(local.timestamp()) - int((moment.utcoffset() or local - local).total_seconds()), rule
    )


def slow_number(number: Fraction | None, rule: TimeRule) -> Answer:
    """A plain number, exact."""
    if number is None:
        return MISSING
    if rule.unit in _EACH:
        seconds = number // _EACH[rule.unit]
        hour_key = rule.unit == "seconds" and seconds >= rule.cutoff and seconds >= 1990010100
        if hour_key and _exists(str(seconds), "%Y%m%d%H"):
            return FAULT
    else:
        digits, form = str(number), "%Y%m%d" if rule.unit == "yyyymmdd" else "%Y%m%d%H%M%S"
        if not digits.isdecimal() or len(digits) != len(rule.unit) or not _exists(digits, form):
            return FAULT
        seconds = int(datetime.strptime(digits, form).replace(tzinfo=UTC).timestamp())
    return seconds if rule.earliest <= seconds < rule.latest else FAULT


def slow_float(value: float | None, rule: TimeRule) -> Answer:
    """A float's exact value; NaN means missing."""
    if value is None or value != value:
        return MISSING
    return FAULT if abs(value) == float("inf") else slow_number(Fraction(value), rule)


def slow_date(seconds: int | None, rule: TimeRule) -> Answer:
    """A moment of the calendar, already in UTC seconds."""
    if seconds is None:
        return MISSING
    if not rule.any_date:
        return seconds if rule.earliest <= seconds < rule.latest else FAULT
    first, end = (
        int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((1, 1, 1), (9999, 12, 31))
    )
    january_1970 = (
        0 < seconds < 31 * 86_400 and seconds % 86_400 > 0
    )  # seconds taken for milliseconds or less
    return seconds if first <= seconds < end + 86_400 and not january_1970 else FAULT


def slow_moment(per_second: int) -> Callable[[int | None, TimeRule], Answer]:
    """A timestamp that counts so many units a second."""
    return lambda count, rule: slow_date(None if count is None else count // per_second, rule)


def slow_day(days: int | None, rule: TimeRule) -> Answer:
    """Days since the epoch."""
    return slow_date(None if days is None else days * 86_400, rule)


def _exists(digits: str, form: str) -> bool:
    try:
        datetime.strptime(digits, form).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
