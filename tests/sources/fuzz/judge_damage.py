"""What must hold of a damaged delivery: it is refused, or read as what its bytes still say."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from recsys_tasks.errors import RecsysError
from recsys_tasks.sources.base import Reader
from tests.sources.fuzz.judge import equal, judge_table, opened, read, refusal, same, window
from tests.sources.fuzz.shapes import AS_OF, Damage, Delivery, Part, Stored, TableName
from tests.sources.fuzz.slow_reader import Refused, Row, read_part
from tests.sources.fuzz.writing import Written, changed, delimiter_of

Middle = Sequence[Row] | RecsysError
"""What was read of the damaged part, or why nothing was."""


def judge_damaged(delivery: Delivery, folder: Path, written: Written) -> None:
    """The damaged table is refused or read as far as it is whole; the others are read."""
    damage = delivery.damage
    assert damage is not None
    reader = opened(delivery, folder)
    for table in delivery.tables:
        if table != damage.table and not (table == "events" and "users" not in delivery.tables):
            judge_table(delivery, folder, reader, table)
    found = _answer(delivery, folder, reader, damage.table)
    if damage.table == "events":
        _ask_all(delivery, folder, reader)
    before = _rows(delivery, damage.table, range(damage.part))
    after = _rows(delivery, damage.table, range(damage.part + 1, _count(delivery, damage.table)))
    if isinstance(before, Refused) or isinstance(after, Refused):
        assert isinstance(found, RecsysError)
    elif isinstance(found, RecsysError):
        _judge_part(delivery, damage, found, written)
    else:
        end = len(found) - len(after)
        same(found[: len(before)], before)
        same(found[end:], after)
        _judge_part(delivery, damage, found[len(before) : end], written)
    reader.close()


def _count(delivery: Delivery, table: TableName) -> int:
    return len(delivery.tables[table])


def _answer(delivery: Delivery, folder: Path, reader: Reader, table: TableName) -> Middle:
    made: list[Row] = []
    error = refusal(delivery, folder, lambda: made.extend(read(reader, table)))
    return error or made


def _ask_all(delivery: Delivery, folder: Path, reader: Reader) -> None:
    """Every other question has an answer or a refusal."""
    questions: list[Callable[[], object]] = [
        lambda: list(reader.read_pieces(None, AS_OF)),
        lambda: reader.count_days(AS_OF),
        lambda: reader.count_after(0),
        lambda: reader.count_future(datetime(2026, 3, 2, tzinfo=UTC)),
        reader.fingerprint,
        reader.files_passed_over,
        reader.read_users,
    ]
    for ask in questions:
        refusal(delivery, folder, ask)


def _rows(delivery: Delivery, table: TableName, numbers: range) -> list[Row] | Refused:
    rows: list[Row] = []
    for number in numbers:
        read_rows = _part_rows(delivery, table, number, delivery.tables[table][number])
        if isinstance(read_rows, Refused):
            return read_rows
        rows += read_rows
    return rows


def _part_rows(
    delivery: Delivery, table: TableName, number: int, part: Part
) -> list[Row] | Refused:
    """Rows of a part that a night reads."""
    newest = number == _count(delivery, table) - 1
    rows: list[Row] = []
    for row in read_part(delivery.style, table, part, newest):
        if isinstance(row, Refused):
            return row
        rows.append(row)
    return window(rows, None) if table == "events" else rows


def _judge_part(delivery: Delivery, damage: Damage, found: Middle, written: Written) -> None:
    part = delivery.tables[damage.table][damage.part]

    def rows_of(one: Part) -> list[Row] | Refused:
        return _part_rows(delivery, damage.table, damage.part, one)

    tabular = part.form in ("csv", "tsv")
    if damage.kind == "empty":
        assert isinstance(found, RecsysError)
    elif damage.kind == "cut":
        _judge_cut(part, found, written, rows_of)
    elif tabular and damage.kind in ("row long", "row short", "open quote"):
        said = _as_strict_python(delivery, part, written)
        if said is None:
            assert isinstance(found, RecsysError), "the bytes are no table"
        elif not isinstance(found, RecsysError):
            _exact(found, rows_of(said))
    else:
        _exact(found, rows_of(changed(part, damage)))


def _exact(found: Middle, expected: list[Row] | Refused) -> None:
    if isinstance(expected, Refused):
        assert isinstance(found, RecsysError), expected.why
    else:
        assert not isinstance(found, RecsysError), str(found)
        same(found, expected)


def _as_strict_python(delivery: Delivery, part: Part, written: Written) -> Part | None:
    """The table that Python's strict reader finds in the bytes; None where it is none."""
    raw = gzip.decompress(written.content) if part.packed else written.content
    text = raw.decode("utf-8-sig" if part.mark else delivery.style.encoding)
    csv.field_size_limit(sys.maxsize)
    sign = delimiter_of(delivery.style, part)
    try:
        lines = [
            line
            for line in csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
            if line
        ]
    except csv.Error:
        return None
    header = lines.pop(0) if part.header else [column.name for column in part.columns]
    if any(len(line) != len(header) for line in lines):
        return None
    cells = list(zip(*lines, strict=True)) or [()] * len(header)
    columns = [Stored(name, "text", values) for name, values in zip(header, cells, strict=True)]
    return replace(part, columns=tuple(columns), rows=len(lines))


def _judge_cut(
    part: Part,
    found: Middle,
    written: Written,
    rows_of: Callable[[Part], list[Row] | Refused],
) -> None:
    """A plain CSV file loses its end at most, one of lines all or none of its last; the others are
    whole or refused.
    """
    if isinstance(found, RecsysError):
        return
    if part.form not in ("csv", "tsv", "lines") or part.packed:
        assert part.packed and _unpacks(written.content), "a file without its end is read"
        _exact(found, rows_of(part))
        return
    whole = sum(end <= len(written.content) for end in written.ends)
    kept = rows_of(_first(part, whole))
    if isinstance(kept, Refused):
        return
    assert len(found) >= len(kept), "rows before the cut are lost"
    assert all(map(equal, found, kept)), "rows before the cut are read otherwise"
    rest = written.content[written.ends[whole - 1] if whole else 0 :].strip()
    more = 0 if part.form == "lines" or not rest else 1
    assert len(found) <= len(kept) + more, "rows of a cut file are made up"
    assert part.form != "lines" or not rest, "a line that broke off is passed over"


def _first(part: Part, rows: int) -> Part:
    columns = tuple(replace(column, cells=column.cells[:rows]) for column in part.columns)
    return replace(part, columns=columns, rows=rows)


def _unpacks(content: bytes) -> bool:
    """Whether all data is there, the check sum behind it aside."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacker.decompress(content[10:])
    return unpacker.eof
