"""What is wrong with a CSV file that cannot be read: in words, and never with a row's own text."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.files.streams import BLOCKS, CHUNK, Dialect, open_arrow, open_bytes

_LOOKED_AT = 100
"""Rows below a first one that may be a header."""


def too_small(words: str) -> bool:
    """Whether Arrow said that a row did not fit into the bytes that it parses at once."""
    return "straddling" in words or "block size" in words


def unreadable_csv(path: Path, dialect: Dialect, words: str) -> SchemaError:
    """The error of a file that Arrow refused with these words."""
    found, remedy = _explain(path, dialect, words)
    return SchemaError(
        expected=(
            f"a readable CSV file ({dialect.encoding}, separated by {dialect.delimiter!r}, with"
            f" {'columns as `source.columns` names them' if dialect.columns else 'a header'})"
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
            "an empty file" + ("" if dialect.columns else ", without even a header"),
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
        return _ragged_rows(path, dialect)
    if too_small(words):
        return (
            f"a row or a text of more than {BLOCKS[-1]:,} bytes",
            "shorten it, or deliver the table as Parquet",
        )
    plain = words.splitlines()[0].split(":")[0]
    return f"a file that no CSV reader understands ({plain})", "deliver the file again"


def header_alone(path: Path, dialect: Dialect) -> pa.Table | None:
    """No rows, of a file that is one line of names without an end; None for any other file.

    A line of one name is none: it may be a page of words that a failed download left.
    """
    if dialect.columns:
        return None
    with open_bytes(path) as file:
        start = file.read(CHUNK).rstrip(b"\r\n")
    try:
        text = start.decode(dialect.encoding).removeprefix("\ufeff")
        rows = list(csv.reader(text.splitlines(), delimiter=dialect.delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    names = rows[0] if len(rows) == 1 else []
    if len(names) < 2 or "\0" in text or text.lstrip().startswith("<"):
        return None
    return pa.Table.from_arrays([pa.nulls(0, pa.string())] * len(names), names=names)


def _first_line(path: Path) -> str:
    """How a file begins that is no header with rows: it may be a page of words that a failed
    download left.
    """
    with open_bytes(path) as file:
        start = file.read(200).strip(b"\0\r\n\t ")
    if start.startswith(b"<"):
        return "which begins as a web page or an answer in XML does"
    return f"of {len(start)} bytes" if start else ""


def _bad_byte(path: Path, dialect: Dialect) -> str:
    """The first byte that the encoding cannot decode, and its line, in words; empty if there is
    none.
    """
    decoder, line, at = codecs.getincrementaldecoder(dialect.encoding)(), 1, 0
    with open_bytes(path) as file:
        while chunk := file.read(CHUNK):
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


def _ragged_rows(path: Path, dialect: Dialect) -> tuple[str, str]:
    """The first row with more or fewer values than the header, and the number of such rows, in
    words; and what to do.
    """
    faults: list[pa_csv.InvalidRow] = []

    def note(row: pa_csv.InvalidRow) -> str:
        faults.append(row)
        return "skip"

    parse = pa_csv.ParseOptions(
        newlines_in_values=True, delimiter=dialect.delimiter, invalid_row_handler=note
    )
    read = pa_csv.ReadOptions(
        use_threads=False,
        block_size=BLOCKS[1],
        encoding=dialect.encoding,
        column_names=list(dialect.columns),
    )
    try:
        with open_arrow(path) as file:
            pa_csv.read_csv(file, read_options=read, parse_options=parse)
    except pa.ArrowInvalid:
        pass
    remedy = (
        "correct the row: a text that holds a quote, a line break or the separator is put in"
        ' quotes, and a quote within it is written twice (not `\\"`); a line that is no row, such'
        " as a total, is left out"
    )
    remedy += "; or name every column in `source.columns`" if dialect.columns else ""
    if not faults:
        return "a row with more or fewer values than the header", remedy
    first = faults[0]
    lines = first.text.count("\n")
    quote = f"; a quote in it is not closed: it runs over {lines:,} line breaks" if lines else ""
    quote = quote or ("; a quote in it is not closed" if first.text.count('"') % 2 else "")
    row = f"{first.actual_columns} values in row {first.number}"
    columns = (
        f", and {first.expected_columns} names in `source.columns`"
        if dialect.columns
        else f" (the header is row 1), which has {first.expected_columns} columns"
    )
    found = f"{row}{columns}{quote}; {len(faults):,} such row(s)"
    above = first.number == 2 and 2 * first.expected_columns <= first.actual_columns
    if above and not dialect.columns:
        remedy = "leave out the lines before the header, which is to be the first line of the file"
    ends = [fault.text.rstrip("\r\n").endswith(dialect.delimiter) for fault in faults]
    if all(ends) and all(f.actual_columns == f.expected_columns + 1 for f in faults):
        found += f"; each of them ends with a further {dialect.delimiter!r}"
        remedy = f"write no {dialect.delimiter!r} at the end of rows, or one behind the header, too"
    return found, remedy


def refuse_swallowed_rows(path: Path, dialect: Dialect, table: pa.Table) -> None:
    """A quote that is not closed swallows rows up to the next quote or the end of the file, and
    Arrow takes what follows for text.

    Only a file with more lines than rows or an odd number of quotes can hold one. Python's reader
    is strict about it. Raises SchemaError.
    """
    lines, quotes = _lines_and_quotes(path)
    swallows = lines > table.num_rows + (not dialect.columns)
    if not swallows and quotes % 2 == 0:
        return
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(_texts(path, dialect), delimiter=dialect.delimiter, strict=True)
    start = 1
    try:
        for _ in reader:
            start = reader.line_num + 1
    except csv.Error as error:
        within = "expected after" in str(error)  # a quote that is closed within a text
        if within and not swallows:
            return
        raise SchemaError(
            expected="quotes that are closed before the next separator or line break",
            found=(
                f"a quote that opens in the row of line {start} and swallows the rows up to line"
                f" {reader.line_num}"
                if within
                else f"a quote that opens in the row of line {start} and is not closed"
            ),
            where=str(path),
            remedy="write a quote within a text twice, and put the text in quotes",
        ) from error


def refuse_header(path: Path, dialect: Dialect, table: pa.Table) -> None:
    """A header would be a row of data where the settings name the columns. Raises SchemaError when
    half of the first row's values or more are those names, in whatever order, but not all in it.
    """
    first = table.slice(0, 1).to_pylist()
    if not dialect.columns or not first or first[0] == {name: name for name in dialect.columns}:
        return
    names = {name.strip().lower() for name in dialect.columns}
    alike = [str(value or "").strip().lower() in names for value in first[0].values()]
    if 2 * sum(alike) >= len(alike) or _is_unlike(first[0], table.slice(1, _LOOKED_AT)):
        raise SchemaError(
            expected="files without a header, for `source.columns` names this table's columns",
            found="a first row that is a header, of other names or in another order",
            where=str(path),
            remedy=(
                "write `source.columns` as the header has them, take the table out of it, or"
                " deliver the file without its header"
            ),
        )


def _is_unlike(first: Mapping[str, str | None], rows: pa.Table) -> bool:
    """Whether a first row has words in every column, and two columns or more have digits in all
    rows below it: times and numbers, above which a header has their names.
    """
    values = list(first.values())
    if rows.num_rows < _LOOKED_AT // 5 or any(not v or re.search("[0-9]", v) for v in values):
        return False
    digits = [pc.mean(pc.match_substring_regex(column, "[0-9]")).as_py() for column in rows.columns]
    return sum(share == 1.0 for share in digits) >= 2


def _lines_and_quotes(path: Path) -> tuple[int, int]:
    """Number of lines that are not empty (blank lines at the end are no swallowed rows), and of
    quotes.
    """
    lines, quotes, last = 0, 0, b"\n"
    with open_bytes(path) as file:
        while chunk := file.read(CHUNK):
            blank = chunk.count(b"\n\n") + (last.endswith(b"\n") and chunk.startswith(b"\n"))
            lines, last = lines + chunk.count(b"\n") - blank, chunk[-1:]
            quotes += chunk.count(b'"')
    return lines + (last != b"\n"), quotes


def _texts(path: Path, dialect: Dialect) -> Iterator[str]:
    with (
        open_bytes(path) as file,
        io.TextIOWrapper(file, dialect.encoding, errors="replace", newline="") as text,
    ):
        for line in text:
            yield line.replace("\0", " ")  # the checks name it
