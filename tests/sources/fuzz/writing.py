"""Deliveries as files: CSV by hand, JSON by the standard library, Parquet by Arrow."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from tests.sources.fuzz.cells import TYPES
from tests.sources.fuzz.shapes import ABSENT, TABLES, Damage, Delivery, Part, Stored, Style


@dataclass(frozen=True)
class Written:
    """A part's bytes, and where each of its rows ends in the bytes that are not packed."""

    content: bytes
    ends: tuple[int, ...] = ()


def write(delivery: Delivery, folder: Path) -> Written:
    """Write every part below `folder`; what was written of the damaged one."""
    damaged = Written(b"")
    for table, parts in delivery.tables.items():
        (folder / table).mkdir(parents=True)
        for number, part in enumerate(parts):
            damage = delivery.damage
            if damage is not None and (damage.table, damage.part) != (table, number):
                damage = None
            made = written(delivery.style, part, damage)
            (folder / table / delivery.name(table, number)).write_bytes(made.content)
            damaged = made if damage else damaged
    return damaged


def written(style: Style, part: Part, damage: Damage | None) -> Written:
    """A part's bytes; a damage that concerns bytes or lines is done here."""
    part = changed(part, damage)
    if part.form in ("parquet", "arrow", "stream"):
        made = Written(_columnar(part))
    elif part.form in ("csv", "tsv"):
        made = _csv(style, part, damage)
    else:
        made = _json(part)
    content = gzip.compress(made.content, 1, mtime=0) if part.packed else made.content
    if damage and damage.kind == "cut":
        content = content[: int(damage.at * len(content))]
    if damage and damage.kind == "empty":
        content = gzip.compress(b"") if part.packed and damage.at < 0.5 else b""
    return Written(content, made.ends)


def changed(part: Part, damage: Damage | None) -> Part:
    """The part without one of its declared columns, or with it twice."""
    if damage is None or damage.kind not in ("column gone", "column twice"):
        return part
    declared = TABLES[damage.table]
    name = declared[min(int(damage.at * len(declared)), len(declared) - 1)].column
    kept = tuple(c for c in part.columns if c.name != name or damage.kind == "column twice")
    again = tuple(c for c in part.columns if c.name == name and damage.kind == "column twice")
    return replace(part, columns=(*kept, *again))


def delimiter_of(style: Style, part: Part) -> str:
    """The sign between values of a part in CSV."""
    return "\t" if part.form == "tsv" and style.delimiter == "," else style.delimiter


def _csv(style: Style, part: Part, damage: Damage | None) -> Written:
    sign = delimiter_of(style, part)
    lines = []
    if part.header:
        lines = [[_quoted(column.name, sign, part) for column in part.columns]]
    rows = list(zip(*(column.cells for column in part.columns), strict=True))
    lines += [[_quoted(cell, sign, part) for cell in row] for row in rows]
    if part.headed_again and damage is None:
        lines.append(lines[0])
    if damage and damage.kind in ("row long", "row short", "open quote"):
        row = lines[min(int(damage.at * part.rows) + part.header, len(lines) - 1)]
        if damage.kind == "row long":
            row.append("x" if damage.at < 0.7 else "")
        elif damage.kind == "row short":
            row.pop()
        else:
            at = int(damage.at * 7919) % len(row)
            row[at] = '"' + row[at].strip('"')
    text, ends = "", list[int]()
    encoding = "utf-8-sig" if part.mark else style.encoding
    for number, line in enumerate(lines):
        text += sign.join(line)
        ends.append(len(text.encode(encoding)))
        if number < len(lines) - 1 or part.ends_with_newline:
            text += part.newline
    return Written(text.encode(encoding), tuple(ends[part.header :]))


def _quoted(cell: str, sign: str, part: Part) -> str:
    special = any(odd in cell for odd in (sign, '"', "\r", "\n")) or len(part.columns) == 1
    return '"' + cell.replace('"', '""') + '"' if special or part.quote_all else cell


def _json(part: Part) -> Written:
    objects = [
        _object(part, zip(part.columns, cells, strict=True))
        for cells in zip(*(column.cells for column in part.columns), strict=True)
    ]
    mark = "\ufeff" if part.mark else ""
    if part.form == "list":
        between = "," + part.newline if part.quote_all else ","
        return Written(f"{mark}[{between.join(objects)}]".encode())
    text, ends = mark, list[int]()
    for number, one in enumerate(objects):
        text += one
        ends.append(len(text.encode()))
        text += part.newline if number < len(objects) - 1 or part.ends_with_newline else ""
    return Written(text.encode(), tuple(ends))


def _object(part: Part, cells: Iterable[tuple[Stored, Any]]) -> str:
    """Not a dict's text: a key may be there twice."""
    pairs = [
        f"{json.dumps(column.name)}: {json.dumps(cell, ensure_ascii=part.quote_all)}"
        for column, cell in cells
        if cell is not ABSENT
    ]
    return "{" + ", ".join(pairs) + "}"


def _columnar(part: Part) -> bytes:
    columns = [_array(column) for column in part.columns]
    table = pa.Table.from_arrays(columns, names=[column.name for column in part.columns])
    sink = io.BytesIO()
    if part.form == "parquet":
        pq.write_table(table, sink, row_group_size=part.group)
    else:
        make = pa.ipc.new_file if part.form == "arrow" else pa.ipc.new_stream
        with make(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=part.group)
    return sink.getvalue()


def _array(column: Stored) -> pa.Array:
    kind, cells = TYPES[column.kind], list(column.cells)
    if pa.types.is_timestamp(kind):
        return pa.array(cells, pa.int64()).cast(kind)
    if column.kind == "date32":
        return pa.array(cells, pa.int32()).cast(kind)
    if column.kind == "date64":
        return pa.array(_times(cells, 86_400_000), pa.int64()).cast(kind)
    return pa.array(cells, kind)


def _times(values: Sequence[Any], factor: int) -> list[Any]:
    return [None if value is None else value * factor for value in values]
