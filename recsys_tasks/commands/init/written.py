"""How the files of a table are written: encoding, separator, and whether their first line is a
header.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.commands.init.names import COLUMN_ROLES, fits
from recsys_tasks.commands.init.numbers import share
from recsys_tasks.sources.columns import is_text
from recsys_tasks.sources.files.formats import unmarked_text, unreadable_file
from recsys_tasks.sources.files.streams import CHUNK, Dialect, open_bytes

_SEPARATORS = ",;\t|"
_ENCODINGS = ("utf-8", "cp1252")
"""Tried in this order: the second has a character for nearly every byte."""
_VALUE: Final = re.compile(r"[-+]?[0-9][0-9.,:/TZ+ -]*|[^@\s]+@[^@\s]+|https?://.*")
"""A number, a time, an address: no name of a column."""
_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]+")
_UTF_8: Final = re.compile(
    rb"(?<![\x80-\xff])(?:[\xc2-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2})+(?![\x80-\xff])"
)
"""Letters of UTF-8 that begin and end beside ASCII: few texts of other encodings look so."""
_NULL_WORDS = (
    *("NULL", "null", r"\N", "N/A", "n/a", "#N/A", "NA", "None", "nan", "NaN", "-"),
    *("0000-00-00", "0000-00-00 00:00:00"),
)
_PLAIN = r"^-?[0-9]+([.,][0-9]+)?$|^[0-9]{4}-[0-9]{2}-[0-9]{2}"
"""A number, or a date."""
_NAME_WORDS, _LOOKED_AT = 3, 200
_MOST = 0.99


def dialect_of(path: Path) -> Dialect:
    """How a CSV file is written: its encoding by its bytes, its separator by its first lines. Where
    it has no header, its columns are called `column_1`, `column_2` and so on. Raises RecsysError
    for a damaged file.
    """
    try:
        with open_bytes(path) as file:
            start = file.read(CHUNK)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable_file(path, error) from error
    encoding = _encoding(start)
    lines = start.decode(encoding, "replace").splitlines()[:_LOOKED_AT]
    separator = _separator(lines)
    rows = [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=separator) if row]
    if not rows or has_header(rows[0], rows[1:]):
        return Dialect(separator, encoding)
    columns = tuple(f"column_{number}" for number in range(1, len(rows[0]) + 1))
    return Dialect(separator, encoding, columns=columns)


def header_of(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """The header of a CSV file that is written as others without one; empty where it has none, or
    as many columns as they do not have.
    """
    own = dialect_of(path)
    if own.columns:
        return ()
    with open_bytes(path) as file:
        start = file.read(CHUNK).decode(own.encoding, "replace").removeprefix("\ufeff")
    names = next(csv.reader(io.StringIO(start), delimiter=own.delimiter), [])
    return tuple(names) if len(names) == len(dialect.columns) == len(set(names)) else ()


def _separator(lines: Sequence[str]) -> str:
    some = list(lines[:50])
    try:
        separator = csv.Sniffer().sniff("\n".join(some[:-1] or some), _SEPARATORS).delimiter
    except csv.Error:  # one column has no separator
        separator = max(_SEPARATORS, key=lambda sign: some[0].count(sign) if some else 0)
    return separator if some and separator in some[0] else ","


def _encoding(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-32" if start[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") else "utf-16"
    if (unmarked := unmarked_text(start[:64])) is not None:
        return unmarked
    if len(_UTF_8.findall(start)) > 0.5 * len(_BEYOND_ASCII.findall(start)):
        return "utf-8"  # with a few bytes of another, which whoever reads it is told of
    whole = start[: start.rfind(b"\n") + 1] or start
    for encoding in _ENCODINGS:
        try:
            whole.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def has_header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line of a CSV file names its columns and is no row: by what its cells look
    like, and by what stands below them.
    """
    cells = [cell.strip().lstrip("\ufeff") for cell in first]
    named = sum(_names_a_role(cell) for cell in cells)
    if any(_VALUE.fullmatch(cell) for cell in cells):
        return named >= 2
    below = list(zip(cells, _columns(rows, len(cells)), strict=True))
    if named or not rows or any(_are_values(values) for _, values in below):
        return True
    return not any(cell and (cell in values or _alike(cell, values)) for cell, values in below)


def _names_a_role(cell: str) -> bool:
    return len(cell.split()) <= _NAME_WORDS and any(fits(cell, r) > 0.5 for r in COLUMN_ROLES)


def _columns(rows: Sequence[Sequence[str]], width: int) -> Iterator[list[str]]:
    for place in range(width):
        yield [row[place].strip() for row in rows if len(row) > place and row[place].strip()]


def _are_values(values: Sequence[str]) -> bool:
    return bool(values) and all(_VALUE.fullmatch(value) for value in values)


def _alike(cell: str, values: Sequence[str]) -> bool:
    """Whether a cell has digits where nearly all values below it have some: `u001` above `u002`."""
    shape = _shape(cell)
    same = sum(_shape(value) == shape for value in values)
    return "0" in shape and same >= 0.8 * len(values) > 0


def _shape(value: str) -> str:
    return re.sub(r"[0-9]+", "0", re.sub(r"[^\W\d_]+", "a", value))


def null_words_of(rows: pa.Table) -> tuple[str, ...]:
    """Words that stand among numbers or dates, where a value is missing."""
    found: set[str] = set()
    for column in rows.columns:
        if not is_text(column.type):
            continue
        is_word = pc.fill_null(pc.is_in(column, value_set=pa.array(_NULL_WORDS)), False)
        if pc.any(is_word).as_py() and share(column.filter(pc.invert(is_word)), _PLAIN) >= _MOST:
            found |= set(pc.unique(column.filter(is_word)).to_pylist())
    return tuple(word for word in _NULL_WORDS if word in found)


def without_words(rows: pa.Table, words: tuple[str, ...]) -> pa.Table:
    """The rows with nothing where one of some words stands."""
    for place, name in enumerate(rows.column_names if words else ()):
        if is_text(rows[name].type):
            is_word = pc.fill_null(pc.is_in(rows[name], value_set=pa.array(words)), False)
            missing = pa.scalar(None, rows[name].type)
            rows = rows.set_column(place, name, pc.if_else(is_word, missing, rows[name]))
    return rows
