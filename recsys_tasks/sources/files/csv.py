"""CSV files read as text, and what is wrong with one that cannot be: in words, and never with a
row's own text.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from recsys_tasks.errors import SchemaError, offenders
from recsys_tasks.sources.files.formats import unreadable_file

_BLOCKS = (1 << 20, 1 << 26, (1 << 31) - 1)
"""Bytes that are parsed at once; a row, a header or a text must fit into one."""
_CHUNK = 1 << 22
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Dialect:
    """How the shop writes its CSV files."""

    delimiter: str = ","
    encoding: str = "utf-8"
    null_words: tuple[str, ...] = ()


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
    for block in _BLOCKS:
        try:
            table = _parse(path, dialect, block)
        except (pa.ArrowInvalid, UnicodeError, LookupError) as error:
            if _too_small(str(error)) and block < _BLOCKS[-1]:
                continue
            raise _unreadable(path, dialect, str(error)) from error
        _refuse_swallowed_rows(path, dialect, table)
        return table
    raise AssertionError("the last block returns or raises")


def _too_small(words: str) -> bool:
    return "straddling" in words or "block size" in words


def _parse(path: Path, dialect: Dialect, block: int) -> pa.Table:
    parse = pa_csv.ParseOptions(newlines_in_values=True, delimiter=dialect.delimiter)
    read = pa_csv.ReadOptions(block_size=block, encoding=dialect.encoding)
    with (
        _open(path) as file,
        pa_csv.open_csv(file, read_options=read, parse_options=parse) as probe,
    ):
        names = probe.schema.names
    convert = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=["", *dialect.null_words],
    )
    with _open(path) as file:
        return pa_csv.read_csv(
            file, read_options=read, parse_options=parse, convert_options=convert
        )


def _open(path: Path) -> pa.NativeFile:
    return pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None)


def is_gzip(path: Path) -> bool:
    """By its first bytes, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _stream(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if is_gzip(path) else path.open("rb")


# --- what is wrong -------------------------------------------------------------------------------


def _unreadable(path: Path, dialect: Dialect, words: str) -> SchemaError:
    found, remedy = _explain(path, dialect, words)
    return SchemaError(
        expected=(
            f"a readable CSV file ({dialect.encoding}, separated by {dialect.delimiter!r}, with a"
            " header)"
        ),
        found=found,
        where=str(path),
        remedy=remedy,
    )


def _explain(path: Path, dialect: Dialect, words: str) -> tuple[str, str]:
    if "Empty CSV" in words and (start := _first_line(path)):
        return (
            f"one line without an end, {start}, and no row below it",
            "deliver the file again, or remove it if there is nothing in it",
        )
    if "Empty CSV" in words:
        return (
            "an empty file, without even a header",
            "deliver the file again, or remove it if there is nothing in it",
        )
    if bad := _bad_byte(path, dialect):
        return (
            bad,
            (
                "save the file as UTF-8, or name the encoding that it has, e.g. `source.encoding:"
                " latin-1`"
            ),
        )
    if "Expected" in words and "columns" in words:
        return (
            _ragged_row(path, dialect),
            (
                "correct the row: a text that holds a quote, a line break or the separator is put"
                " in quotes, and a quote within it is written twice"
            ),
        )
    if _too_small(words):
        return (
            f"a row or a text of more than {_BLOCKS[-1]:,} bytes",
            "shorten it, or deliver the table as Parquet",
        )
    plain = words.splitlines()[0].split(":")[0]
    return f"a file that no CSV reader understands ({plain})", "deliver the file again"


def _first_line(path: Path) -> str:
    """How a file begins that is no header with rows: it may be a page of words that a failed
    download left.
    """
    with _stream(path) as file:
        start = file.read(200).strip(b"\0\r\n\t ")
    if start.startswith(b"<"):
        return "which begins as a web page or an answer in XML does"
    return f"of {len(start)} bytes" if start else ""


def _bad_byte(path: Path, dialect: Dialect) -> str:
    """The first byte that is not of the encoding, and the line that holds it; empty where all
    are.
    """
    decoder, line, at = codecs.getincrementaldecoder(dialect.encoding)(), 1, 0
    with _stream(path) as file:
        while chunk := file.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                bad, start = (
                    error.object[error.start],
                    error.start - (len(error.object) - len(chunk)),
                )
                line += chunk[: max(start, 0)].count(b"\n")
                letter = f" ({bytes([bad]).decode('latin-1')!r} in Latin-1)" if bad >= 0xA0 else ""
                where = f"in line {line}, byte {at + start + 1} of the file"
                return f"byte 0x{bad:02x}{letter} {where}, is not {dialect.encoding.upper()}"
            line, at = line + chunk.count(b"\n"), at + len(chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return f"line {line} ends within a character: the file broke off"
    return ""


def _ragged_row(path: Path, dialect: Dialect) -> str:
    """Number of the first row with more or fewer values than the header, and how many these are."""
    faults: list[pa_csv.InvalidRow] = []

    def note(row: pa_csv.InvalidRow) -> str:
        faults.append(row)
        return "skip"

    parse = pa_csv.ParseOptions(
        newlines_in_values=True, delimiter=dialect.delimiter, invalid_row_handler=note
    )
    read = pa_csv.ReadOptions(use_threads=False, block_size=_BLOCKS[1], encoding=dialect.encoding)
    try:
        with _open(path) as file:
            pa_csv.read_csv(file, read_options=read, parse_options=parse)
    except pa.ArrowInvalid:
        pass
    if not faults:
        return "a row with more or fewer values than the header"
    first = faults[0]
    lines = first.text.count("\n")
    quote = f"; a quote in it is not closed: it runs over {lines:,} line breaks" if lines else ""
    quote = quote or ("; a quote in it is not closed" if first.text.count('"') % 2 else "")
    return (
        f"{first.actual_columns} values in row {first.number} (the header is row 1), which has "
        f"{first.expected_columns} columns{quote}; {len(faults):,} such row(s)"
    )


def _refuse_swallowed_rows(path: Path, dialect: Dialect, table: pa.Table) -> None:
    """A quote that is not closed swallows rows up to the next quote, and Arrow takes what follows
    for text.

    Only a file with more lines than rows can hold one. Python's reader is strict about it. Raises
    SchemaError.
    """
    if _lines(path) <= table.num_rows + 1:
        return
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(_texts(path, dialect), delimiter=dialect.delimiter, strict=True)
    start = 1
    try:
        for _ in reader:
            start = reader.line_num + 1
    except csv.Error as error:
        raise SchemaError(
            expected="quotes that are closed before the next separator or line break",
            found=(
                f"a quote that opens in the row of line {start} and swallows the rows up to line"
                f" {reader.line_num}"
                if "expected after" in str(error)
                else f"a quote that opens in the row of line {start} and is not closed"
            ),
            where=str(path),
            remedy="write a quote within a text twice, and put the text in quotes",
        ) from error


def _lines(path: Path) -> int:
    """Lines that are not empty, so that blank ones at the end are no reason to read again."""
    lines, last = 0, b"\n"
    with _stream(path) as file:
        while chunk := file.read(_CHUNK):
            blank = chunk.count(b"\n\n") + (last.endswith(b"\n") and chunk.startswith(b"\n"))
            lines, last = lines + chunk.count(b"\n") - blank, chunk[-1:]
    return lines + (last != b"\n")


def _texts(path: Path, dialect: Dialect) -> Iterator[str]:
    with (
        _stream(path) as file,
        io.TextIOWrapper(file, dialect.encoding, errors="replace", newline="") as text,
    ):
        for line in text:
            yield line.replace("\0", " ")  # the checks name it


# --- headers -------------------------------------------------------------------------------------

_VALUE = re.compile(r"^\s*$|^[-+]?\d|[{}@]|^https?:")


def is_header(names: list[str], wanted: list[str]) -> bool:
    """Whether a first line can be one: a row of data is never quoted, for it may name a user."""
    known = {name.strip().lower() for name in wanted} & {name.strip().lower() for name in names}
    return bool(known) or not any(_VALUE.search(name) for name in names)


def separator_hint(names: list[str], delimiter: str) -> str:
    """Words on a file of one column whose name holds another separator; empty where there is
    none.
    """
    if len(names) > 1 or not names:
        return ""
    for sign, words in _SEPARATORS.items():
        if sign in names[0] and sign != delimiter:
            return f"one column, whose name holds {words}: write `source.delimiter: {sign!r}`"
    return ""


def header_words(names: list[str], wanted: list[str]) -> str:
    """What the header has, or that there seems to be none."""
    if is_header(names, wanted):
        return f"the file has {', '.join(map(repr, names))}"
    return (
        f"its first line, with {len(names)} values, looks like a row of data: is the header"
        " missing?"
    )


def repeated_names(names: list[str], wanted: list[str]) -> str:
    """The wanted columns that are there more than once, quoted; empty where each is there once."""
    repeated = [name for name in wanted if names.count(name) > 1]
    return offenders(repeated) if repeated else ""
