"""What a delivered text that is no time looks like, and the setting under which it would be one:
for messages.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.times.columns import read_times
from recsys_tasks.sources.times.rule import PER_SECOND, TimeRule
from recsys_tasks.sources.times.text import civil_seconds

_LOOKED_AT, _KINDS, _OF_A_KIND = 200, 5, 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXCEL_DAY_0 = -25_569 * 86_400
_YEAR_1 = -62_135_596_800
_KEYS = {
    4: ("a year", 10**10, 1_01_00_00_00),
    6: ("YYYYMM", 10**8, 1_00_00_00),
    8: ("YYYYMMDD", 10**6, 0),
    10: ("YYYYMMDDhh", 10**4, 0),
    12: ("YYYYMMDDhhmm", 10**2, 0),
    14: ("YYYYMMDDhhmmss", 1, 0),
}
"""Digits → what they spell, and how to make YYYYMMDDhhmmss of them."""
_FORMS = (
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y"),
    *("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d-%b-%Y"),
)
"""Forms in which nobody can take the day for the month, as in 01/02/2026."""
_SETTABLE = {"YYYYMMDD": "yyyymmdd", "YYYYMMDDhhmmss": "yyyymmddhhmmss"}


def quoted_faults(faults: pa.ChunkedArray, rule: TimeRule) -> tuple[str, ...]:
    """The first different texts of every kind of fault, so many of each, and why they are no
    times.
    """
    kinds: dict[str, list[str]] = {}
    for text in pc.unique(faults.drop_null()).slice(0, _LOOKED_AT).to_pylist():
        kinds.setdefault(fault_words(text, rule), []).append(repr(text))
    most = sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:_KINDS]
    return tuple(f"{', '.join(texts[:_OF_A_KIND])} {words}" for words, texts in most)


def no_times(config: Config, faults: pa.ChunkedArray, rule: TimeRule) -> SchemaError:
    """The error of interactions of which not one has a time; `faults`: what was delivered instead,
    null where nothing was.
    """
    words = quoted_faults(faults, rule)
    hints = list(dict.fromkeys(text.split(": ", 1)[1] for text in words if ": set " in text))
    numbers = pc.any(pc.match_substring_regex(faults.drop_null(), r"^\s*[-+]?[0-9.]+\s*$")).as_py()
    advice = f"{' or '.join(hints)} in the settings, or " if hints else ""
    setting, content = rule.setting, "what numbers are"
    if rule.form is not None or not numbers:
        setting, content = rule.format_setting, "the form that text has"
    hopeless = words and all(" looks like " in text or " shortened" in text for text in words)
    unread = f"no {rule.setting} reads them: "
    advice = advice or (unread if hopeless else f"set {setting} to {content}, or ")
    text = "ISO 8601" if rule.form is None else f"text as {rule.form!r}"
    return SchemaError(
        expected=(
            f"times: {text}, timestamps or {rule.unit}, not before {config.extract.earliest_day}"
        ),
        found=(
            f"{len(faults):,} rows and not one such time:"
            f" {'; '.join(words) or 'all of them are missing'}"
        ),
        where=f"source, column {config.events.timestamp_column!r}",
        remedy=f"{advice}deliver 2026-01-15T10:00:00Z; `recsys config check` shows what will run",
    )


def fault_words(text: str, rule: TimeRule) -> str:
    """Why a delivered text is no time, with the setting that would read it where one is known."""
    free = rule.free()
    seconds = _seconds(text, free)
    if seconds is None and _seconds(text, replace(free, timezone=None)) is not None:
        return (
            f"does not exist in {rule.timezone}, whose clocks skip it: is {rule.timezone_setting}"
            " the zone of these times?"
        )
    if words := _number_words(text, rule):
        return words
    if rule.form is not None:
        seconds = _seconds(text, replace(free, form=None)) if seconds is None else seconds
        if seconds is None:
            return f"is not written as {rule.format_setting}: {rule.form!r}"
    if seconds is None:
        return f"is no ISO-8601 time{_form_hint(text, rule)}"
    if rule.earliest <= seconds < rule.latest:
        return "is stored as something else than a time"
    if seconds < rule.earliest:
        return f"is {_moment(seconds)}, before extract.earliest_day"
    return f"is {_moment(seconds)}, later than extract.latest_days after the night"


def _number_words(text: str, rule: TimeRule) -> str:
    """What a number looks like; empty for other texts, and where it looks like nothing known."""
    if re.fullmatch(r"\s*[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+\s*", text):
        return "is a number that a spreadsheet has shortened: export the column as text"
    match = re.fullmatch(r"\s*(-?[0-9]{1,19})(\.[0-9]*)?\s*", text)
    found = _looks_like(int(match[1]), rule) if match else None
    if found and (found in PER_SECOND or found in _SETTABLE.values()):
        return f"looks like {_spelt(found)}: set {rule.setting}: {found}"
    return f"looks like {found}" if found else ""


def _seconds(text: str, rule: TimeRule) -> int | None:
    found: int | None = read_times(pa.chunked_array([[text]], pa.string()), rule).values[0].as_py()
    return found


def _form_hint(text: str, rule: TimeRule) -> str:
    """The form that a text with its day first or in words has; empty where none of them fits."""
    for form in _FORMS:
        if _seconds(text, replace(rule, form=form)) is not None:
            return f": set {rule.format_setting}: {form!r}"
    return ""


def _looks_like(number: int, rule: TimeRule) -> str | None:
    """A unit of the settings, or words; None where no reading of the number falls into the
    plausible range.
    """

    def plausible(seconds: int) -> bool:
        return rule.earliest <= seconds < rule.latest

    if plausible(number // 10**7 + _YEAR_1):
        return "ticks of 100 nanoseconds since the year 1"
    for unit, per_second in PER_SECOND.items():
        if unit != rule.unit and plausible(number // per_second):
            return unit
    spelt = _KEYS.get(len(str(number))) if number > 0 else None
    if spelt:
        words, factor, rest = spelt
        seconds, exists = civil_seconds(np.array([number * factor + rest]))
        if exists[0] and plausible(int(seconds[0])):
            return _SETTABLE.get(words, words)
    for words, each, start in (
        ("days since the epoch", 86_400, 0),
        ("days as Excel counts them", 86_400, _EXCEL_DAY_0),
        ("hours since the epoch", 3600, 0),
        ("minutes since the epoch", 60, 0),
    ):
        if plausible(number * each + start):
            return words
    return None


def _spelt(unit: str) -> str:
    words = {setting: spelling for spelling, setting in _SETTABLE.items()}
    return words.get(unit, f"{unit} since the epoch")


def _moment(seconds: int) -> str:
    try:
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return f"the year {1970 + seconds // 31_556_952}"
