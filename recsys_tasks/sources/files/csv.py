"""CSV files read as text."""

from __future__ import annotations

import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from recsys_tasks.sources.files.csv_faults import (
    header_alone,
    refuse_header,
    refuse_swallowed_rows,
    too_small,
    unreadable_csv,
)
from recsys_tasks.sources.files.formats import unreadable_file
from recsys_tasks.sources.files.streams import BLOCKS, Dialect, open_arrow


def read_csv(path: Path, dialect: Dialect) -> pa.Table:
    """Every column as text, empty values null: `007` must stay `007`, and a bad number must reach
    the checks.

    Raises SchemaError.
    """
    return _whole(path, dialect, None)


def first_csv_rows(path: Path, dialect: Dialect, most: int) -> pa.Table:
    """The first rows of a file, as `read_csv` reads them; what is behind them is not looked at.

    Raises SchemaError.
    """
    return _whole(path, dialect, most).slice(0, most)


def _whole(path: Path, dialect: Dialect, most: int | None) -> pa.Table:
    try:
        return _read(path, dialect, most)
    except (OSError, EOFError, zlib.error) as error:  # what is compressed broke off, or is damaged
        raise unreadable_file(path, error) from error


def _read(path: Path, dialect: Dialect, most: int | None) -> pa.Table:
    for block in BLOCKS:
        try:
            table = _parse(path, dialect, block, most)
        except (pa.ArrowInvalid, UnicodeError, LookupError) as error:
            if too_small(str(error)) and block < BLOCKS[-1]:
                continue
            if (header := header_alone(path, dialect)) is not None:
                return header
            raise unreadable_csv(path, dialect, str(error)) from error
        if most is None:
            refuse_swallowed_rows(path, dialect, table)
        refuse_header(path, dialect, table)
        return without_headers(table)
    raise AssertionError("the last block returns or raises")


def without_headers(table: pa.Table) -> pa.Table:
    """The rows without those that are the header again, as files have it that were joined, or whose
    header the settings name, too: each value is its own column's name. Of one column, a value may
    be called so.
    """
    if table.num_columns < 2:
        return table
    again = None
    for name, column in zip(table.column_names, table.columns, strict=True):
        alike = pc.fill_null(pc.equal(column, name), False)
        again = alike if again is None else pc.and_(again, alike)
        if not pc.any(again).as_py():
            return table
    return table.filter(pc.invert(again))


def _parse(path: Path, dialect: Dialect, block: int, most: int | None) -> pa.Table:
    parse = pa_csv.ParseOptions(newlines_in_values=True, delimiter=dialect.delimiter)
    names = list(dialect.columns)
    read = pa_csv.ReadOptions(block_size=block, encoding=dialect.encoding, column_names=names)
    if not names:
        with (
            open_arrow(path) as file,
            pa_csv.open_csv(file, read_options=read, parse_options=parse) as probe,
        ):
            names = probe.schema.names
    convert = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=["", *dialect.null_words],
    )
    options = {"read_options": read, "parse_options": parse, "convert_options": convert}
    with open_arrow(path) as file:
        if most is None:
            return pa_csv.read_csv(file, **options)
        with pa_csv.open_csv(file, **options) as rows:
            batches: list[pa.RecordBatch] = []
            while sum(batch.num_rows for batch in batches) < most:
                try:
                    batches.append(rows.read_next_batch())
                except StopIteration:
                    break
            return pa.Table.from_batches(batches, rows.schema)
