"""The tables that a shop delivers: those of a folder, and how its CSV files are written."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from recsys_tasks.commands.init.numbers import Signs, signs_of
from recsys_tasks.commands.init.written import (
    dialect_of,
    header_of,
    null_words_of,
    without_words,
)
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.columns import as_text
from recsys_tasks.sources.files.archives import archive_words
from recsys_tasks.sources.files.columnar import column_names, read_columns
from recsys_tasks.sources.files.csv import read_csv
from recsys_tasks.sources.files.formats import format_of, is_columnar, unreadable_file
from recsys_tasks.sources.files.json_lines import is_json, json_names, read_json
from recsys_tasks.sources.files.listing import SUFFIXES, list_files, suffixes_among, values_of
from recsys_tasks.sources.files.places import Place
from recsys_tasks.sources.files.streams import Dialect, open_bytes

MOST_ROWS = 20_000_000
"""Rows looked at, so that a laptop's memory is enough: of larger files the newest, of a larger
table of a database a random part."""


class Table(Protocol):
    """One table as it is delivered."""

    @property
    def name(self) -> str:
        """What `source` of the settings calls it."""

    @property
    def dialect(self) -> Dialect:
        """How its CSV files are written; of no meaning for other tables."""

    @property
    def is_csv(self) -> bool:
        """Whether it is CSV files."""

    @property
    def signs(self) -> Signs:
        """Signs of the numbers that it has as text; of CSV files alone."""

    @property
    def null_words(self) -> tuple[str, ...]:
        """Words that stand for a missing value in its CSV files."""

    @property
    def rows(self) -> pa.Table:
        """The rows looked at, columns as delivered; of CSV and JSON all columns are text. Raises
        RecsysError.
        """


@dataclass(frozen=True)
class FileTable:
    """A table of files; its name is a file, folder or pattern, relative to the folder."""

    name: str
    files: tuple[str, ...]
    """Names of its files, oldest first."""
    dialect: Dialect
    is_csv: bool
    local: Callable[[str], Path] = Path
    """A file on this machine, by its name."""
    root: str = ""
    """The folder that all is in; folders below it may be columns."""
    told: Signs | None = None
    """Signs of its numbers, where other tables settle what its own leave open."""

    @cached_property
    def rows(self) -> pa.Table:
        """Every row of the newest files, columns as delivered, those of folders' names included; of
        CSV and JSON all columns are text. Raises SchemaError.
        """
        return without_words(self._delivered, self.null_words)

    @cached_property
    def null_words(self) -> tuple[str, ...]:
        """As its CSV files show them."""
        return null_words_of(self._delivered) if self.is_csv else ()

    @cached_property
    def _delivered(self) -> pa.Table:
        parts: list[pa.Table] = []
        for name in reversed(self.files):
            parts.insert(0, self._with_folders(self._read(self.local(name)), name))
            if sum(part.num_rows for part in parts) >= MOST_ROWS:
                break
        names = [name for name in parts[-1].column_names if name]
        whole = [part.select(names) for part in parts if set(names) <= set(part.column_names)]
        try:
            return pa.concat_tables(whole, promote_options="permissive")
        except pa.ArrowException:  # a time is text in one part and a type of its own in another
            return pa.concat_tables([_as_texts(part) for part in whole])

    def _with_folders(self, rows: pa.Table, name: str) -> pa.Table:
        for column, value in values_of(name[len(self.root) :].split("/")[:-1]).items():
            if column not in rows.column_names:
                column_of = pa.repeat(pa.scalar(value, pa.string()), rows.num_rows)
                rows = rows.append_column(column, column_of)
        return rows

    @cached_property
    def signs(self) -> Signs:
        """As its CSV files show them."""
        if self.told is not None:
            return self.told
        return signs_of(self.rows) if self.is_csv else Signs()

    def _read(self, path: Path) -> pa.Table:
        kind = format_of(path, self.dialect.encoding)
        if kind in ("parquet", "arrow"):
            return read_columns(path, kind, _once(column_names(path, kind)), None)
        if kind == "json":
            return read_json(path, json_names(path))
        table = read_csv(path, self.dialect)
        return table.select(_once(table.column_names))


def _as_texts(part: pa.Table) -> pa.Table:
    """A part whose columns are text, but for nested ones."""
    for place, field in enumerate(part.schema):
        if not pa.types.is_nested(field.type):
            part = part.set_column(place, field.name, as_text(part[field.name]))
    return part


def settled(tables: Sequence[FileTable]) -> list[FileTable]:
    """The tables, where a sign that may stand between thousands or before a fraction stands before
    the fraction if it does in another table.
    """
    decimals = {table.signs.decimal for table in tables}
    return [
        replace(table, told=Signs(table.signs.thousands))
        if table.signs.doubt and table.signs.thousands in decimals
        else table
        for table in tables
    ]


def tables_in(folder: Path) -> list[FileTable]:
    """The tables of a folder: each file, each series of files whose names differ in digits alone,
    and each folder of files; of a file, its own.

    Raises ConfigError where there is none, SchemaError for what cannot be read.
    """
    if folder.is_file():
        return [_table(folder.name, (str(folder),), root=str(folder.parent))]
    if not folder.is_dir():
        raise ConfigError(
            expected="a folder with the shop's tables, or their files",
            found="no such folder or file",
            where=str(folder),
            remedy="recsys init FOLDER, where FOLDER has events, items and, if there are, users",
        )
    found = [_table(name, files, root=str(folder)) for name, files in _groups(folder)]
    if not found:
        raise ConfigError(
            expected=f"files that end in {', '.join(SUFFIXES)}",
            found=archive_words(path.name for path in folder.iterdir()) or "none",
            where=str(folder),
            remedy="export the shop's tables as CSV, JSON lines, Parquet or Arrow into this folder",
        )
    return found


def tables_at(place: Place, url: str) -> list[FileTable]:
    """The tables below the URL of an object store, as `tables_in` finds them in a folder.

    Raises ConfigError where there is none, SchemaError, TransientError.
    """
    groups: dict[str, list[str]] = {}
    for name in place.names():
        parts = name[len(url) :].strip("/").split("/")
        group = _folder(parts[0]) if len(parts) > 1 else re.sub(r"[0-9]+", "*", parts[0])
        groups.setdefault(group, []).append(name)
    return [
        _table(_named(group, files), tuple(files), place.local, url)
        for group, files in groups.items()
    ]


def _named(group: str, files: Sequence[str]) -> str:
    """The file itself where a series has one alone."""
    return files[0].rpartition("/")[2] if len(files) == 1 and "*" in group else group


def _groups(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(the name that settings give a table, its files)."""
    series: dict[str, list[Path]] = {}
    folders: dict[str, list[str]] = {}
    suffixes = suffixes_among(path.name for path in folder.iterdir() if path.is_file())
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            try:
                within = [str(file) for file in list_files(path)]
            except ConfigError:
                continue
            folders.setdefault(_folder(path.name), []).extend(within)
        elif path.name.lower().endswith(suffixes):
            series.setdefault(re.sub(r"[0-9]+", "*", path.name), []).append(path)
    for name, found in folders.items():
        yield name, tuple(found)
    for pattern, files in series.items():
        yield (files[0].name if len(files) == 1 else pattern), tuple(map(str, files))


def _folder(name: str) -> str:
    """What a folder's table is called: all folders of one column, as `event=view` is, are one."""
    return f"{name.partition('=')[0]}=*" if "=" in name else name


def _table(
    name: str, files: tuple[str, ...], local: Callable[[str], Path] = Path, root: str = ""
) -> FileTable:
    """A table, told by its newest file, which is read anyway. Where the first file of several alone
    has a header, it names the columns of all.
    """
    newest = local(files[-1])
    is_csv = _is_csv(newest)
    dialect = dialect_of(newest) if is_csv else Dialect()
    if dialect.columns and len(files) > 1 and _is_csv(first := local(files[0])):
        header = header_of(first, dialect)
        dialect = replace(dialect, columns=header or dialect.columns)
    return FileTable(name, files, dialect, is_csv, local, root)


def _is_csv(path: Path) -> bool:
    try:
        with open_bytes(path) as file:
            start = file.read(64)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable_file(path, error) from error
    return not (is_columnar(start) or is_json(start))


def _once(names: list[str]) -> list[str]:
    """Names that occur once: of two columns with one name nobody can say which is meant."""
    return [name for name in names if names.count(name) == 1]
