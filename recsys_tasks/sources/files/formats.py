"""What format a file has, whatever its name says, and a Parquet file's columns as they were
delivered; a format that is not read is named.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq

from recsys_tasks.errors import ConfigError, RecsysError, SchemaError, TransientError
from recsys_tasks.sources.files.json_lines import is_json
from recsys_tasks.sources.files.streams import open_bytes
from recsys_tasks.sources.tables import Window
from recsys_tasks.sources.times.rule import FIRST_HOUR_KEY, PER_SECOND

_SIGNS = (
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"PK\x03\x04", "a ZIP or Excel file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with Zstandard"),
    (b"BZh", "a file compressed with bzip2"),
    (b"\xfd7zXZ", "a file compressed with xz"),
    (b"PARE", "a Parquet file whose footer is encrypted"),
)
_INT96 = pa_dataset.ParquetReadOptions(
    coerce_int96_timestamp_unit="us"
)  # its nanoseconds would wrap after 2262
_READ = "a CSV or JSON file (may be gzipped) or a Parquet file"
Format = Literal["csv", "json", "parquet"]


def format_of(path: Path, encoding: str = "utf-8") -> Format:
    """The format of a file, by its first bytes. Raises SchemaError for one that is not read."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
        with open_bytes(path) as unpacked:
            text = unpacked.read(64)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable_file(path, error) from error
    if start.startswith(b"PAR1"):
        return "parquet"
    for sign, words in _SIGNS:
        if start.startswith(sign) and not (
            words.endswith("UTF-16") and encoding.lower().startswith("utf-16")
        ):
            raise _other_format(path, words)
    if is_json(text):
        return "json"
    if path.name.lower().endswith((".parquet", ".parq", ".pq")):
        raise SchemaError(
            expected="a Parquet file",
            found="an empty file" if not start else "a file that does not begin as Parquet does",
            where=str(path),
            remedy="deliver the file again: it broke off, or it is another format under this name",
        )
    return "csv"


def parquet_names(path: Path) -> list[str]:
    """Names of a Parquet file's columns. Raises SchemaError."""
    return list(_parquet_schema(path).names)


def _parquet_schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise unreadable_file(path, error) from error


def read_parquet(path: Path, columns: Sequence[str], window: Window | None) -> pa.Table:
    """Columns of a Parquet file; row groups that lie outside the window of seconds may be left out.

    Raises SchemaError, also for text that is no UTF-8: nothing later could read or store it.
    """
    found = _parquet_schema(path)
    try:
        data = pa_dataset.dataset(path, format=pa_dataset.ParquetFileFormat(read_options=_INT96))
        table = data.to_table(columns=list(columns), filter=_pushdown(found, window))
    except (pa.ArrowException, OSError) as error:
        raise unreadable_file(path, error) from error
    for place, field in enumerate(table.schema):
        column = table[field.name]
        _refuse_bad_text(path, field.name, column)
        if field.type == pa.string_view():  # which Arrow's functions do not all know
            table = table.set_column(place, field.name, column.cast(pa.string()))
    return table


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


def unreadable_file(path: Path, error: Exception) -> RecsysError:
    """A file that cannot be opened or that broke off, in four parts."""
    if isinstance(error, PermissionError):
        return ConfigError(
            expected="a file that may be read",
            found="permission denied",
            where=str(path),
            remedy=f"let the pipeline's user read it: chmod o+r {path.name}",
        )
    if isinstance(error, FileNotFoundError):
        return TransientError(
            expected="files that stay while they are read",
            found="a file that was there a moment ago and is gone",
            where=str(path),
            remedy=(
                "run the night again; write files under another name and rename them when they are"
                " whole"
            ),
        )
    return SchemaError(
        expected=_READ,
        found=f"a damaged file ({str(error).splitlines()[0][:120]})",
        where=str(path),
        remedy="deliver the file again: it broke off while it was written or copied",
    )


def _other_format(path: Path, words: str) -> SchemaError:
    return SchemaError(
        expected=_READ,
        found=words,
        where=str(path),
        remedy="export the table as Parquet or as CSV in UTF-8, and name that file under `source`",
    )


def _pushdown(found: pa.Schema, window: Window | None) -> Any:
    """A filter that lets Parquet skip row groups, where times are stored as numbers; else None.

    What is no time comes with every window, so that it is counted: what lies outside the plausible
    range, or may be a day's hours in digits.
    """
    if window is None:
        return None
    name, start, end, rule, _ = window
    each = PER_SECOND.get(rule.unit)
    if each is None or name not in found.names or not pa.types.is_integer(found.field(name).type):
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
