"""A delivery read cell by cell from the values that it was made of, by what
docs/reference/deliveries.md and docs/reference/configuration.md say: slow, and simple enough to be
believed. It opens no file and shares no code with the reader.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from recsys_tasks.clock import start_of
from recsys_tasks.sources.times.rule import TimeRule
from tests.sources.fuzz.cells import NIGHT, PER_SECOND
from tests.sources.fuzz.shapes import (
    ABSENT,
    TABLES,
    Declared,
    Delivery,
    Part,
    Stored,
    Style,
    TableName,
)
from tests.sources.times.slow_times import (
    FAULT,
    MISSING,
    WORDS,
    Answer,
    slow_date,
    slow_day,
    slow_float,
    slow_moment,
    slow_number,
    slow_text,
)

NO_NUMBER = "no number"
"""A number that is unreadable or infinite."""
ANY_TEXT = "any text"
"""A fault of a value that is no text: how it is quoted is left open."""
QUOTED = 100
"""Characters kept of a fault."""
Row = dict[str, Any]


class Refused(NamedTuple):
    """Why no reader may read a table."""

    why: str


def read_table(delivery: Delivery, table: TableName) -> list[Row] | Refused:
    """All rows in the order of the parts, or why they cannot be read."""
    rows: list[Row] = []
    parts = delivery.tables[table]
    for number, part in enumerate(parts):
        read = list(read_part(delivery.style, table, part, newest=number == len(parts) - 1))
        refused = [one for one in read if isinstance(one, Refused)]
        if refused:
            return refused[0]
        rows += [one for one in read if not isinstance(one, Refused)]
    return rows


def read_part(style: Style, table: TableName, part: Part, newest: bool) -> Iterator[Row | Refused]:
    """Rows of a part; where a column is missing or cannot be read, Refused."""
    read = []
    for declared in TABLES[table]:
        found = [column for column in part.columns if column.name == declared.column]
        if part.form in ("lines", "list"):  # JSON has the columns that its rows name
            found = [c for c in found if any(cell is not ABSENT for cell in c.cells)]
        if len(found) > 1:
            yield Refused(f"{declared.column} is there twice")
            return
        if not found and (newest or not declared.optional):
            yield Refused(f"{declared.column} is missing")
            return
        if not found:
            read.append([{declared.name: None} for _ in range(part.rows)])
            continue
        cells = read_column(style, declared, found[0])
        if refused := [cell for cell in cells if isinstance(cell, Refused)]:
            yield refused[0]
            return
        read.append([cell for cell in cells if not isinstance(cell, Refused)])
    for row in zip(*read, strict=True):
        yield {name: value for cell in row for name, value in cell.items()}


def read_column(style: Style, declared: Declared, column: Stored) -> list[Row | Refused]:
    """A column's cells. An object is refused and, where no values are wanted, a list, too."""
    kinds = {type(cell) for cell in column.cells}
    if dict in kinds or (list in kinds and declared.meaning != "values"):
        return [Refused(f"{column.name} holds lists or objects")]
    cells = column.cells
    if column.kind == "json" and list in kinds:  # a value beside lists is a list of one
        alone = [
            cell if cell in (None, ABSENT) or isinstance(cell, list) else [cell] for cell in cells
        ]
        if any("|" in value for cell in alone if isinstance(cell, list) for value in cell if value):
            return [Refused(f"a value of a list in {column.name} holds the separator")]
        cells = tuple(alone)
    return [read_cell(style, declared, column, cell) for cell in cells]


def read_cell(style: Style, declared: Declared, column: Stored, cell: Any) -> Row | Refused:
    """A cell as the contract's value, beside its fault where the contract has one."""
    text, name = as_text(style, column.kind, cell), declared.name
    if declared.meaning in ("id", "text"):
        beyond = isinstance(cell, float) and column.kind != "json" and abs(cell) > 2**53
        return Refused(f"a float beyond 2^53 in {column.name}") if beyond else {name: text}
    if declared.meaning == "number":
        if column.kind == "text" and text is not None:
            text = _with_points(style, text)
        return {name: as_number(column.kind, cell, text)}
    if declared.meaning == "values":
        return {name: as_values(cell, text)}
    if declared.meaning == "flag":
        return _with_fault(name, *as_flag(text), text)
    answer = as_time(style, declared, column.kind, cell, text)
    exact = text if column.kind in ("text", "json", "string", "dictionary") else ANY_TEXT
    found = None if isinstance(answer, str) else answer
    return _with_fault(name, found, answer == FAULT, exact)


def _with_points(style: Style, text: str) -> str:
    """A number's text with a point before the fraction, of one with the signs of the settings."""
    decimal, thousands = style.decimal, style.thousands
    if decimal == "," and thousands != "." and "." in text:
        return NO_NUMBER
    if thousands:
        groups = text.strip().partition(decimal)[0].lstrip("+-").split(thousands)
        apart = [groups[0].isdecimal() and len(groups[0]) <= 3]
        apart += [group.isdecimal() and len(group) == 3 for group in groups[1:]]
        if len(groups) > 1 and not all(apart):
            return NO_NUMBER
        whole, _, fraction = text.strip().partition(decimal)
        if len(groups) > 1 and not re.fullmatch("[0-9]*", fraction):
            return NO_NUMBER
        if thousands in fraction:
            return NO_NUMBER
        text = whole.replace(thousands, "") + ("." + fraction if decimal in text else "")
        return text if re.search("[0-9]", text) else NO_NUMBER
    return text.replace(decimal, ".")


def _with_fault(name: str, value: Any, faulty: bool, text: str | None) -> Row:
    quoted = text if text in (None, ANY_TEXT) else str(text)[:QUOTED]
    return {name: value, f"{name}_fault": quoted if faulty else None}


def as_text(style: Style, kind: str, cell: Any) -> str | None:
    """The text of a value as it was written; None where it is missing."""
    if cell is None or cell is ABSENT or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if kind == "text":
        return None if cell == "" or cell in style.null_words else str(cell)
    if kind == "json":
        if isinstance(cell, bool):
            return str(cell).lower()
        return None if cell == "" else str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return None if cell == "" else str(cell)


_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def as_number(kind: str, cell: Any, text: str | None) -> float | str | None:
    """A number, NO_NUMBER, or None where it is missing."""
    if text is None:
        return None
    if isinstance(cell, int | float | Decimal) and kind != "json":
        number = float(cell)
    elif _NUMBER.fullmatch(text):
        number = float(text)
    else:
        return NO_NUMBER
    return number if math.isfinite(number) else NO_NUMBER


def as_values(cell: Any, text: str | None) -> str | None:
    """Values of a list joined by `|`, without the empty ones."""
    if isinstance(cell, list):
        return "|".join(str(value) for value in cell if value not in (None, "")) or None
    return text


def as_flag(text: str | None) -> tuple[bool | None, bool]:
    """(yes or no, whether it is neither)."""
    if text is None:
        return None, False
    word = text.lower()
    found = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        word
    )
    return found, found is None


def time_rule(style: Style, declared: Declared) -> TimeRule:
    """How the column's times are read: events within a range, launches at any date."""
    launch = declared.meaning == "launch"
    unit = style.launch_unit if launch else style.unit
    earliest, latest = start_of(date(1990, 1, 1)), NIGHT + 3653 * 86_400
    return TimeRule(unit, "the unit", earliest, NIGHT, latest, launch)


def as_time(style: Style, declared: Declared, kind: str, cell: Any, text: str | None) -> Answer:
    """UTC seconds, MISSING or FAULT."""
    rule = time_rule(style, declared)
    if declared.meaning == "launch" or (style.timezone is None and style.time_format is None):
        return _as_utc(rule, kind, cell, text)
    written = isinstance(cell, str) or kind == "json"  # JSON is text first
    if written and text is not None and style.time_format is not None:
        local: Answer = _in_format(text, style.time_format)
        how = "local"
    else:
        ever = replace(rule, earliest=-(2**62), latest=2**62)
        local, how = _as_utc(ever, kind, cell, text), _how(rule, kind, cell, text)
    if isinstance(local, str):
        return local
    if how != "instant" and style.timezone is not None:
        local = _instant(local, ZoneInfo(style.timezone), how == "day")
    return FAULT if isinstance(local, str) else slow_date(local, rule)


def _as_utc(rule: TimeRule, kind: str, cell: Any, text: str | None) -> Answer:
    if cell is None or cell is ABSENT:
        return MISSING
    if kind.startswith("timestamp"):
        return slow_moment(PER_SECOND[kind.split()[1]])(cell, rule)
    if kind in ("date32", "date64"):
        return slow_day(cell, rule)
    if isinstance(cell, float) and kind != "json":
        return slow_float(cell, rule)
    if isinstance(cell, int | Decimal) and kind != "json":
        return slow_number(Fraction(cell), rule)
    return slow_text(text, rule)


def _in_format(text: str, form: str) -> Answer:
    if not re.fullmatch(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        return FAULT
    try:
        return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return FAULT


_OFFSET = re.compile(rf"(Z|z|{'|'.join(WORDS)}|[+-][0-9]{{2}}(:?[0-9]{{2}}){{0,2}})(\[.*\])?$")


def _how(rule: TimeRule, kind: str, cell: Any, text: str | None) -> str:
    """Whether a time is an instant already, a local time, or a day alone."""
    if kind.startswith("timestamp"):
        return "instant" if len(kind.split()) == 3 else "local"
    if kind in ("date32", "date64"):
        return "day"
    digits = {"yyyymmdd": "day", "yyyymmddhhmmss": "local"}.get(rule.unit, "instant")
    if not isinstance(cell, str) or re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", text or ""):
        return digits
    _, *rest = re.split("[Tt ]", text or "", maxsplit=1)
    return "day" if not rest else "instant" if _OFFSET.search(rest[0]) else "local"


def _instant(local: int, zone: ZoneInfo, day: bool) -> Answer:
    """The earlier instant at which clocks of a zone show a time; FAULT where they never do."""
    if not -(10**9) < local < 4 * 10**9:
        return FAULT  # long before 1990 or after the ten years that are plausible
    naive = datetime.fromtimestamp(local, UTC).replace(tzinfo=None)
    found = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shown = found.astimezone(zone).replace(tzinfo=None)
    return int(found.timestamp()) if day or shown == naive else FAULT
