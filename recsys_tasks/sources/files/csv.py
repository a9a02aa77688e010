"""CSV files read as text."""

from __future__ import annotations

import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from recsys_tasks.sources.files.csv_faults import (
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
    try:
        return _read(path, dialect)
    except (OSError, EOFError, zlib.error) as error:  # what is compressed broke off, or is damaged
        raise unreadable_file(path, error) from error


def _read(path: Path, dialect: Dialect) -> pa.Table:
    for block in BLOCKS:
        try:
            table = _parse(path, dialect, block)
        except (pa.ArrowInvalid, UnicodeError, LookupError) as error:
            if too_small(str(error)) and block < BLOCKS[-1]:
                continue
            raise unreadable_csv(path, dialect, str(error)) from error
        refuse_swallowed_rows(path, dialect, table)
        refuse_header(path, dialect, table)
        return table
    raise AssertionError("the last block returns or raises")


def _parse(path: Path, dialect: Dialect, block: int) -> pa.Table:
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
    with open_arrow(path) as file:
        return pa_csv.read_csv(
            file, read_options=read, parse_options=parse, convert_options=convert
        )
