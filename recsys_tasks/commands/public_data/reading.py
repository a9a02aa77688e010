"""Files of a data set into tables of text, in a DuckDB database of the import's own: streamed, so
that memory is bounded whatever a file's size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recsys_tasks.commands.public_data.archive import Member
from recsys_tasks.commands.public_data.data_set import (
    DataSet,
    Headed,
    JsonLines,
    Unheaded,
    headings_of,
)
from recsys_tasks.commands.public_data.workbooks import batches_of
from recsys_tasks.errors import DataError

_MEMORY = "2GB"
"""Sorting and counting beyond it goes through files beside the database."""
_LONGEST_LINE = 64_000_000
SHOWN = 5
"""Rows that could not be read, as examples."""


@dataclass(frozen=True)
class Unreadable:
    """Rows of one file that could not be read: how many, and the first of them."""

    file: str
    rows: int
    examples: Sequence[str]


@contextmanager
def scratch_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database below the folder. Raises DataError for a file that broke off or that the
    database cannot read, and where there is no room.
    """
    connection = duckdb.connect(
        str(folder / "scratch.duckdb"),
        config={
            "memory_limit": _MEMORY,
            "temp_directory": str(folder / "spilled"),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
        },
    )
    try:
        yield connection
    except duckdb.Error as error:
        words = str(error).splitlines()[0]
        raise DataError(
            expected="whole files, and room on the disk beside the target folder",
            found=words,
            where="the download",
            remedy="download it again where a file broke off; else name a folder on another disk"
            " with --to",
        ) from error
    finally:
        connection.close()


def load(
    connection: duckdb.DuckDBPyConnection,
    data_set: DataSet,
    parts: Mapping[str, Sequence[Member]],
    folder: Path,
) -> list[Unreadable]:
    """Fill a table for each file that is there; what has not the form of its file is left out."""
    unreadable = []
    for file in data_set.files:
        if file.name not in parts:
            continue
        for number, member in enumerate(parts[file.name]):
            path = member.fetch(folder)
            made = f"CREATE TABLE {file.name} AS" if number == 0 else f"INSERT INTO {file.name}"
            if isinstance(file.form, JsonLines):
                connection.execute(f"{made} {_objects(file.form, member, path)}")
            elif isinstance(file.form, Headed) and member.is_workbook:
                rows = batches_of([path], file.form.headings(member))
                connection.register("sheets", rows)
                connection.execute(f"{made} SELECT * FROM sheets")
                connection.unregister("sheets")
            elif isinstance(file.form, Headed | Unheaded):
                connection.execute(f"{made} {_values(file.form, member, path)}")
                unreadable += _rejected(connection, member)
    return unreadable


def text(value: str) -> str:
    """A value as a constant of SQL."""
    return "'" + value.replace("'", "''") + "'"


def name(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'


def _objects(form: JsonLines, member: Member, path: Path) -> str:
    """A line that is no JSON becomes a row of nulls, which is counted with the rows whose values
    are lacking.
    """
    keys = ", ".join(text(f'$."{key}"') for key in form.fields.values())
    columns = ", ".join(
        f"found[{place}] AS {name(column)}" for place, column in enumerate(form.fields, start=1)
    )
    packed = "gzip" if member.is_gzipped else "uncompressed"
    return (
        f"SELECT {columns} FROM (SELECT json_extract_string(json, [{keys}]) AS found"
        f" FROM read_json_objects({text(str(path))}, format = 'newline_delimited',"
        f" ignore_errors = true, compression = '{packed}',"
        f" maximum_object_size = {_LONGEST_LINE}))"
    )


def _values(form: Headed | Unheaded, member: Member, path: Path) -> str:
    if isinstance(form, Headed):
        headings = headings_of(member)
        wanted = {column: heading for column, heading in form.headings(member).items()}
        delimiter, encoding, quoted, header = ",", "utf-8", form.quoted, "true"
    else:
        headings = list(form.patterns)
        wanted = {column: column for column in form.patterns}
        delimiter, encoding, quoted, header = form.delimiter, form.encoding, False, "false"
    columns = ", ".join(f"{text(heading)}: 'VARCHAR'" for heading in headings)
    selected = ", ".join(f"{name(heading)} AS {name(column)}" for column, heading in wanted.items())
    quote = '"' if quoted else ""
    packed = "gzip" if member.is_gzipped else "none"
    return (
        f"SELECT {selected} FROM read_csv({text(str(path))}, auto_detect = false,"
        f" columns = {{{columns}}}, delim = {text(delimiter)}, header = {header},"
        f" quote = {text(quote)}, escape = {text(quote)}, encoding = '{encoding}',"
        f" compression = '{packed}', store_rejects = true)"
    )


def _rejected(connection: duckdb.DuckDBPyConnection, member: Member) -> list[Unreadable]:
    """Lines that DuckDB could not read as values; their text is not shown, for nobody knows which
    of it is a user's id.
    """
    query = "SELECT line, min(lower(error_type::VARCHAR)) FROM reject_errors GROUP BY 1 ORDER BY 1"
    found = connection.execute(query).fetchall()
    connection.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")
    if not found:
        return []
    examples = [f"line {line}: {words}" for line, words in found[:SHOWN]]
    return [Unreadable(member.name, len(found), examples)]
