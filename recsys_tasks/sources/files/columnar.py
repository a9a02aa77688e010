"""Columns of files that keep them apart, as they were delivered: Parquet, and Arrow IPC as a file
(Feather, too) or a stream.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pyarrow.ipc as pa_ipc
import pyarrow.parquet as pq

from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.files.formats import unreadable_file
from recsys_tasks.sources.tables import Window
from recsys_tasks.sources.times.rule import FIRST_HOUR_KEY, PER_SECOND

Columnar = Literal["parquet", "arrow"]
_INT96 = pa_dataset.ParquetReadOptions(
    coerce_int96_timestamp_unit="us"
)  # its nanoseconds would wrap after 2262
_FILE = b"ARROW1"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def column_names(path: Path, kind: Columnar) -> list[str]:
    """Names of a file's columns. Raises SchemaError."""
    with _damage_named(path):
        return list(_parquet_schema(path).names if kind == "parquet" else _arrow_schema(path).names)


def read_columns(
    path: Path, kind: Columnar, columns: Sequence[str], window: Window | None
) -> pa.Table:
    """Columns of a file; row groups of Parquet outside the window of seconds may be left out.

    Raises SchemaError, also for text that is no UTF-8: nothing later could read or store it.
    """
    with _damage_named(path):
        if kind == "parquet":
            table = _read_parquet(path, columns, window)
        else:
            table = _read_arrow(path, columns)
    for place, field in enumerate(table.schema):
        column = table[field.name]
        _refuse_bad_text(path, field.name, column)
        if field.type == pa.string_view():  # which Arrow's functions do not all know
            table = table.set_column(place, field.name, column.cast(pa.string()))
    return table


def first_columns(path: Path, kind: Columnar, columns: Sequence[str], most: int) -> pa.Table:
    """Columns of the first rows of a file. Raises SchemaError."""
    with _damage_named(path):
        if kind == "arrow":
            return _read_arrow(path, columns).slice(0, most)
        data = pa_dataset.dataset(path, format=pa_dataset.ParquetFileFormat(read_options=_INT96))
        return data.head(most, columns=list(columns))


def _refuse_bad_text(path: Path, name: str, column: pa.ChunkedArray) -> None:
    try:
        column.validate(full=True)
    except (pa.ArrowException, UnicodeError) as error:
        raise SchemaError(
            expected=f"text in UTF-8 in column {name!r}",
            found="bytes that are not UTF-8",
            where=str(path),
            remedy="write the column again from text, or correct the program that wrote the file",
        ) from error


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """What Arrow says of a damaged file, as an error in four parts."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        raise unreadable_file(path, error) from error


def _parquet_schema(path: Path) -> pa.Schema:
    return pq.read_schema(path)


def _read_parquet(path: Path, columns: Sequence[str], window: Window | None) -> pa.Table:
    data = pa_dataset.dataset(path, format=pa_dataset.ParquetFileFormat(read_options=_INT96))
    return data.to_table(columns=list(columns), filter=_pushdown(_parquet_schema(path), window))


def _arrow_schema(path: Path) -> pa.Schema:
    with path.open("rb") as file:
        return _opened(file, pa_ipc.IpcReadOptions()).schema


def _read_arrow(path: Path, columns: Sequence[str]) -> pa.Table:
    names = _arrow_schema(path).names
    wanted = pa_ipc.IpcReadOptions(included_fields=[names.index(name) for name in columns])
    with path.open("rb") as file:
        if not _is_arrow_file(file):  # a file has a footer; a stream may end after any batch
            file.seek(-len(_END_OF_STREAM), os.SEEK_END)
            if file.read() != _END_OF_STREAM:
                raise EOFError("an Arrow stream without its end")
            file.seek(0)
        return _opened(file, wanted).read_all().select(list(columns))


def _opened(file: Any, options: pa_ipc.IpcReadOptions) -> Any:
    opening = pa_ipc.open_file if _is_arrow_file(file) else pa_ipc.open_stream
    return opening(file, options=options)


def _is_arrow_file(file: BinaryIO) -> bool:
    start = file.read(len(_FILE))
    file.seek(0)
    return start == _FILE


def _pushdown(found: pa.Schema, window: Window | None) -> Any:
    """A filter that lets Parquet skip row groups, where times are stored as numbers; else None.

    What is no time comes with every window, so that it is counted: what lies outside the plausible
    range, or may be a day's hours in digits.
    """
    if window is None:
        return None
    name, start, end, rule, _ = window
    each = PER_SECOND.get(rule.unit)
    if (
        rule.apart
        or each is None
        or name not in found.names
        or not pa.types.is_integer(found.field(name).type)
    ):
        return None
    if pa.types.is_uint64(found.field(name).type):
        return None
    field, inside = pa_dataset.field(name), pa_dataset.scalar(True)
    if start is not None:
        inside = inside & (field >= start * each)
    if end is not None:
        inside = inside & (field < end * each)
    latest = min(rule.latest, FIRST_HOUR_KEY) if rule.unit == "seconds" else rule.latest
    return inside | (field < rule.earliest * each) | (field >= latest * each) | field.is_null()
