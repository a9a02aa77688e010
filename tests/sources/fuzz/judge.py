"""What must hold of a delivery that is read: rows equal those of the slow reader, or a refusal that
is fit for a person and names no user.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from recsys_tasks.clock import day_of, start_of
from recsys_tasks.errors import RecsysError, TransientError
from recsys_tasks.sources.base import Reader
from recsys_tasks.sources.kinds.files import SOURCE, FilesSource
from tests.sources.fuzz.cells import TELLING_IDS
from tests.sources.fuzz.shapes import ABSENT, AS_OF, TABLES, Delivery, TableName
from tests.sources.fuzz.slow_reader import ANY_TEXT, NO_NUMBER, Refused, Row, read_table

WINDOWS = (None, AS_OF - timedelta(days=3), AS_OF)


def judge_sound(delivery: Delivery, folder: Path) -> None:
    """A delivery without damage is read as the slow reader reads it."""
    reader = opened(delivery, folder)
    for table in delivery.tables:
        judge_table(delivery, folder, reader, table)
    reader.close()


def judge_table(delivery: Delivery, folder: Path, reader: Reader, table: TableName) -> None:
    """One table without damage."""
    expected = read_table(delivery, table)
    if isinstance(expected, Refused):
        assert refusal(delivery, folder, lambda: read(reader, table)) is not None, expected.why
    elif table == "events":
        judge_events(reader, expected, "users" not in delivery.tables)
    else:
        same(read(reader, table), expected)


def opened(delivery: Delivery, folder: Path) -> Reader:
    """The reader of tonight."""
    config = delivery.config(folder)
    reader = SOURCE.open(config, cast(FilesSource, config.source), folder)
    reader.prepare(AS_OF)
    return reader


def read(reader: Reader, table: TableName) -> list[Row]:
    """All rows of a table, of a time before the night or without one."""
    if table == "events":
        return rows_of(reader.read_events(None, AS_OF))
    return rows_of(reader.read_items() if table == "items" else reader.read_users())


def rows_of(table: pa.Table) -> list[Row]:
    rows: list[Row] = table.to_pylist()
    return rows


def judge_events(reader: Reader, expected: Sequence[Row], derived_users: bool) -> None:
    """Every question on the interactions has the answer that the expected rows give."""
    for first in WINDOWS:
        wanted = window(expected, first)
        same(rows_of(reader.read_events(first, AS_OF)), wanted)
        pieces = [rows_of(piece) for piece in reader.read_pieces(first, AS_OF)]
        days = [{day_of(r["ts"]) for r in piece if r["ts"] is not None} for piece in pieces]
        assert sum(map(len, days)) == len(set[date]().union(*days)), "a day is in two pieces"
        assert not any(row["ts"] is None for piece in pieces[1:] for row in piece)
        same_in_any_order([row for piece in pieces for row in piece], wanted)
    known = [row["ts"] for row in expected if row["ts"] is not None]
    before = Counter(day_of(ts) for ts in known if ts < start_of(AS_OF))
    assert dict(reader.count_days(AS_OF)) == dict(before)
    for second in (start_of(AS_OF), start_of(AS_OF) - 1, 0):
        assert reader.count_after(second) == sum(ts >= second for ts in known)
    assert reader.count_future(datetime(2026, 3, 2, 1, tzinfo=UTC)) == 0  # a simulated clock
    if derived_users:
        seen = {row["user_id"] for row in expected} - {None}
        assert sorted(set(reader.read_users()["user_id"].to_pylist()) - {None}) == sorted(seen)


def window(rows: Sequence[Row], first: date | None) -> list[Row]:
    """Rows of [first, AS_OF), and those without a readable time."""
    low = -math.inf if first is None else start_of(first)
    return [r for r in rows if r["ts"] is None or low <= r["ts"] < start_of(AS_OF)]


def same(found: Sequence[Row], expected: Sequence[Row]) -> None:
    """Rows are equal, in their order."""
    assert len(found) == len(expected), f"{len(found)} rows, not {len(expected)}"
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert equal(one, other), f"row {number}: {differences(one, other)}"


def same_in_any_order(found: Sequence[Row], expected: Sequence[Row]) -> None:
    """The same rows, each as often."""
    assert Counter(map(key, found)) == Counter(map(key, expected))


def key(row: Row) -> str:
    """A row as text; how a fault is quoted is left out where it is left open."""
    return repr(
        [
            (name, plain(value) if not name.endswith("_fault") else value is not None)
            for name, value in sorted(row.items())
        ]
    )


def differences(found: Row, expected: Row) -> dict[str, tuple[Any, Any]]:
    """(found, expected) by column where they differ."""
    names = found.keys() | expected.keys()
    return {
        name: (found.get(name, "no column"), expected.get(name, "no column"))
        for name in sorted(names)
        if not equal({name: found.get(name)}, {name: expected.get(name)})
        or (name in found) != (name in expected)
    }


def equal(found: Row, expected: Row) -> bool:
    """Values are equal; where a fault's text is left open any will do."""
    return found.keys() == expected.keys() and all(
        (value == ANY_TEXT and isinstance(found[name], str)) or plain(found[name]) == plain(value)
        for name, value in expected.items()
    )


def plain(value: Any) -> Any:
    """A float that is none or infinite is NO_NUMBER, and no zero is negative."""
    if not isinstance(value, float):
        return value
    return value + 0.0 if math.isfinite(value) else NO_NUMBER


# --- refusals ------------------------------------------------------------------------------------


def refusal(delivery: Delivery, folder: Path, ask: Callable[[], object]) -> RecsysError | None:
    """The error of a question, or None where it has an answer. Any other exception fails."""
    try:
        ask()
    except RecsysError as error:
        fit_for_a_person(error, delivery, folder)
        return error
    return None


def fit_for_a_person(error: RecsysError, delivery: Delivery, folder: Path) -> None:
    """Four parts, none empty, no traceback and no user's id."""
    parts = (error.expected, error.found, error.where, error.remedy)
    assert all(isinstance(part, str) and part.strip() for part in parts), parts
    assert not isinstance(error, TransientError), "trying again cannot help"
    said = str(error).replace(str(folder), "")
    assert "Traceback" not in said and 'File "' not in said
    for user in user_ids(delivery):
        assert user not in said, f"names a user: {user!r} in {said!r}"


def user_ids(delivery: Delivery) -> set[str]:
    """Ids that no message would hold by chance, and that nothing else of the delivery holds."""
    ids, others = set[str](), list[str]()
    for table, parts in delivery.tables.items():
        names = [d.column for d in TABLES[table] if d.name == "user_id"]
        for part in parts:
            for column in part.columns:
                cells = [str(cell) for cell in column.cells if cell not in (None, ABSENT)]
                if column.name in names:
                    ids.update(cell for cell in cells if cell in TELLING_IDS)
                else:
                    others += cells
    return {one for one in ids if not any(one in other for other in others)}
