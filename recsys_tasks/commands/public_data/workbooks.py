"""Excel workbooks as rows of text, a row at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

_BATCH = 20_000


def is_workbook(file: Path | IO[bytes]) -> bool:
    """Whether a file is an Excel workbook (.xlsx), by its content."""
    try:
        with zipfile.ZipFile(file) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def first_row(file: Path | IO[bytes]) -> list[str]:
    """Texts of the first row of the first sheet."""
    for _, rows in _sheets(file):
        return [_text(value) or "" for value in next(rows, ())]
    return []


def batches_of(paths: Sequence[Path], columns: Mapping[str, str]) -> pa.RecordBatchReader:
    """Rows of every sheet that has the columns (name → heading), as text, in batches.

    Numbers without a fraction are written without one, times as 2009-12-01 07:45:00.
    """
    schema = pa.schema([(name, pa.string()) for name in columns])
    return pa.RecordBatchReader.from_batches(schema, _batches(paths, columns, schema))


def _batches(
    paths: Sequence[Path], columns: Mapping[str, str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for path in paths:
        for _, rows in _sheets(path):
            headings = [_text(value) for value in next(rows, ())]
            if not set(columns.values()) <= set(headings):
                continue
            places = [headings.index(heading) for heading in columns.values()]
            kept: list[list[str | None]] = []
            for row in rows:
                kept.append([_text(row[place]) if place < len(row) else None for place in places])
                if len(kept) == _BATCH:
                    yield _batch(kept, schema)
                    kept = []
            if kept:
                yield _batch(kept, schema)


def _batch(rows: list[list[str | None]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _sheets(file: Path | IO[bytes]) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    import openpyxl

    book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    try:
        for sheet in book.worksheets:
            yield sheet.title, sheet.iter_rows(values_only=True)
    finally:
        book.close()


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
