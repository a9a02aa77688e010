"""Rows with arrays into PostgreSQL: its binary COPY format, encoded by NumPy.

ADBC encodes an array value by value: 48 µs for a list row of 7 × 110 entries, twice what the server
needs to store it. Here all rows of one shape are encoded at once, as one structured array: about 3
µs a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy.engine import Connection

from recsys_tasks.database.engine import quoted
from recsys_tasks.database.refusals import connection_error, explain
from recsys_tasks.errors import ServingError

ROWS_PER_BLOCK = 1024
"""Rows encoded at once: 6 MB for lists of 110 entries."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
# Arrow type → PostgreSQL's name and oid of it, and how NumPy writes a value: big-endian.
_NUMBERS: dict[pa.DataType, tuple[str, int, str]] = {
    pa.int8(): ("int2", 21, ">i2"),
    pa.int16(): ("int2", 21, ">i2"),
    pa.int32(): ("int4", 23, ">i4"),
    pa.int64(): ("int8", 20, ">i8"),
    pa.float32(): ("float4", 700, ">f4"),
    pa.float64(): ("float8", 701, ">f8"),
}
# What the rows of a group share: of each column its type, and the text or the number of entries.
_Shape = tuple[tuple[pa.DataType, str | int | None], ...]


def copy_batches(connection: Connection, table: str, batches: Iterable[pa.RecordBatch]) -> int:
    """COPY record batches into a table of schema `recsys`, in the connection's transaction; returns
    the rows.

    Columns go by name: numbers, lists of numbers of any lengths, and text, of which a block best
    has few different ones. Nulls stay nulls. Holds one block of rows. Raises ServingError when the
    server refuses them.
    """
    rows = 0
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_PER_BLOCK):
            rows += _copy_block(connection, table, batch.slice(start, ROWS_PER_BLOCK))
    return rows


def _copy_block(connection: Connection, table: str, block: pa.RecordBatch) -> int:
    names = ", ".join(quoted(name) for name in block.schema.names)
    statement = f"COPY {quoted('recsys', table)} ({names}) FROM STDIN WITH (FORMAT binary)"
    odd = _with_nulls(block)
    error_class = connection.dialect.loaded_dbapi.Error
    cursor: Any = connection.connection.cursor()
    try:
        if not odd.all():
            with cursor.copy(statement) as copy:
                copy.write(_HEADER)
                for piece in encode(block.filter(pa.array(~odd)) if odd.any() else block):
                    copy.write(piece)
                copy.write(_TRAILER)
        if odd.any():  # a null number is a fault for the checks to name: rare, so it may be slow
            _write_rows(cursor, statement, block.filter(pa.array(odd)))
    except error_class as error:
        raise _translated(error, table, connection) from error
    finally:
        cursor.close()
    return int(block.num_rows)


def _write_rows(cursor: Any, statement: str, rows: pa.RecordBatch) -> None:
    with cursor.copy(statement) as copy:
        copy.set_types([_type_name(kind) for kind in rows.schema.types])
        for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            copy.write_row(row)


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return _NUMBERS[kind.value_type][0] + "[]"
    return "text" if pa.types.is_string(kind) else _NUMBERS[kind][0]


def _with_nulls(block: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """`[n]`: rows with a null number, a null list, or a null within a list; only text may be null
    cheaply.
    """
    odd = np.zeros(block.num_rows, np.bool_)
    for column in block.columns:
        if pa.types.is_string(column.type):
            continue
        odd |= column.is_null().to_numpy(zero_copy_only=False)
        if pa.types.is_list(column.type) and column.flatten().null_count:
            owner = column.value_parent_indices().to_numpy()
            odd[owner[column.flatten().is_null().to_numpy(zero_copy_only=False)]] = True
    return odd


def encode(block: pa.RecordBatch) -> Iterator[memoryview]:
    """Rows without nulls but in text, as COPY's tuples: one piece for each shape of row, in no
    promised order.
    """
    traits = [_traits(column) for column in block.columns]
    codes = np.stack([codes for codes, _ in traits], axis=1)
    first = np.zeros(1, np.int64)
    group = np.zeros(len(codes), np.int64)
    if (codes != codes[0]).any():
        _, first, group = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    for number, example in enumerate(first):
        part = block if len(first) == 1 else block.filter(pa.array(group.ravel() == number))
        marks = [words[of[example]] if words else int(of[example]) for of, words in traits]
        shape = tuple(zip(block.schema.types, marks, strict=True))
        yield _group(part, shape)


def _traits(column: pa.Array) -> tuple[npt.NDArray[np.int64], list[str | None]]:
    """What must be equal for rows to be encoded together: `[n]` codes, and the texts they stand
    for.
    """
    if pa.types.is_list(column.type):
        return np.diff(column.offsets.to_numpy()).astype(np.int64), []
    if pa.types.is_string(column.type):
        coded = column.dictionary_encode(null_encoding="encode")
        return coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()
    return np.zeros(len(column), np.int64), []


def _group(rows: pa.RecordBatch, shape: _Shape) -> memoryview:
    made = np.repeat(_template(shape), rows.num_rows)
    for number, (column, (kind, entries)) in enumerate(zip(rows.columns, shape, strict=True)):
        if pa.types.is_list(kind):
            if entries:
                made[f"f{number}"]["entries"]["value"] = (
                    column.flatten().to_numpy().reshape(rows.num_rows, entries)
                )
        elif not pa.types.is_string(kind):
            made[f"f{number}"]["value"] = column.to_numpy()
    return made.view(np.uint8).data


@lru_cache(maxsize=256)
def _template(shape: _Shape) -> npt.NDArray[np.void]:
    """One tuple of this shape with everything but its numbers filled in, `[1]`."""
    parts = [_part(kind, trait) for kind, trait in shape]
    made = np.zeros(
        1, [("columns", ">i2"), *((f"f{n}", part.dtype) for n, part in enumerate(parts))]
    )
    made["columns"] = len(parts)
    for number, part in enumerate(parts):
        made[f"f{number}"] = part
    return made


def _part(kind: pa.DataType, trait: str | int | None) -> npt.NDArray[np.void]:
    """One field: its size in bytes (-1: null), then what it holds."""
    if pa.types.is_string(kind):
        if trait is None:
            return np.array([(-1,)], [("size", ">i4")])
        text = str(trait).encode()
        if not text:
            return np.array([(0,)], [("size", ">i4")])
        return np.array([(len(text), text)], [("size", ">i4"), ("text", f"V{len(text)}")])
    if pa.types.is_list(kind):
        _, oid, form = _NUMBERS[kind.value_type]
        return _array_part(oid, np.dtype(form), int(trait or 0))
    form = _NUMBERS[kind][2]
    return np.array([(np.dtype(form).itemsize, 0)], [("size", ">i4"), ("value", form)])


def _array_part(oid: int, form: np.dtype[Any], entries: int) -> npt.NDArray[np.void]:
    """An array's field: dimensions, a flag for nulls, the entries' type; then length, first
    subscript, entries.
    """
    head = [("size", ">i4"), ("dimensions", ">i4"), ("nulls", ">i4"), ("oid", ">i4")]
    if not entries:
        return np.array([(12, 0, 0, oid)], head)
    entry = np.dtype([("size", ">i4"), ("value", form)])
    made = np.zeros(1, [*head, ("length", ">i4"), ("first", ">i4"), ("entries", entry, (entries,))])
    made["size"], made["dimensions"], made["oid"] = made.itemsize - 4, 1, oid
    made["length"], made["first"], made["entries"]["size"] = entries, 1, form.itemsize
    return made


def _translated(error: Exception, table: str, connection: Connection) -> Exception:
    where = connection.engine.url.render_as_string(hide_password=True)
    state = getattr(error, "sqlstate", None)
    if state is None:  # the connection itself broke
        return connection_error(str(error), where)
    known = explain(
        state, str(error), role=connection.engine.url.username or "of this session", where=where
    )
    return known or ServingError(
        expected=f"rows that fit recsys.{table}",
        found=str(error).strip().replace("\n", " ")[:400],
        where=where,
        remedy=(
            "compare the table's columns with the Arrow schema; run `recsys migrate` if the schema"
            " is old"
        ),
    )
