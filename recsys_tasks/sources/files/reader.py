"""CSV, JSON, Parquet and Arrow files, or folders of them, read as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from recsys_tasks.config import Config
from recsys_tasks.errors import RecsysError, SchemaError, offenders
from recsys_tasks.sources.columns import POINTS_ALONE, NumberSigns
from recsys_tasks.sources.contract import wanted_columns
from recsys_tasks.sources.files.columnar import column_names, first_columns, read_columns
from recsys_tasks.sources.files.csv import first_csv_rows, read_csv
from recsys_tasks.sources.files.formats import Format, format_of
from recsys_tasks.sources.files.headers import header_words, repeated_names, separator_hint
from recsys_tasks.sources.files.json_lines import json_names, read_json
from recsys_tasks.sources.files.places import Place
from recsys_tasks.sources.files.streams import Dialect
from recsys_tasks.sources.first_rows import SAMPLE_ROWS, contract_columns, words_on
from recsys_tasks.sources.tables import TableName, TableReader, Window

_NEWEST = 3
"""Newest files of a table that a check looks for rows in."""


class FileReader(TableReader):
    """Events, items and users of some places; without a place of users: whoever has events."""

    def __init__(
        self,
        config: Config,
        places: Mapping[TableName, Place],
        dialects: Mapping[TableName, Dialect] | None = None,
        most: int | None = None,
    ) -> None:
        """`places`: where events, items and perhaps users are; `dialects`: how each table's CSV
        files are written; `most`: so many of the first rows of a file are read, None: all.
        """
        super().__init__(config)
        self._most = most
        self._dialects = dialects or {}
        self._places = places
        self._paths: dict[str, Path] = {}  # part → where it is on this machine
        self._read: dict[tuple[str, int, int, Dialect], pa.Table] = {}

    def fingerprint(self) -> str:
        """Hash of every file's name, size and modification time, or its tag in an object store."""
        digest = hashlib.sha256()
        for place in self._places.values():
            for name in place.names():
                digest.update(f"{name}:{place.version(name)};".encode())
        return digest.hexdigest()[:16]

    def parts(self, table: TableName) -> Sequence[str]:
        """The files of a table, sorted. Raises RecsysError where there are none."""
        return self._places[table].names() if table in self._places else ()

    def columns_of(self, table: TableName, part: str) -> Sequence[str]:
        """Names that are there once; none of a file that cannot be read, which `load` tells of."""
        try:
            names = self._names(table, self._places[table].local(part))
        except RecsysError:
            return []
        return [name for name in names if name and names.count(name) == 1]

    def signs_of(self, table: TableName, part: str) -> NumberSigns:
        """What the settings say of CSV files; numbers of other files have points alone."""
        written = self._written(table)
        signs = NumberSigns(written.decimal, written.thousands)
        is_csv = signs != POINTS_ALONE and self._format(table, self._paths[part]) == "csv"
        return signs if is_csv else POINTS_ALONE

    def where(self, table: TableName) -> str:
        """The path that the settings name."""
        return str(self._places[table])

    def files_passed_over(self) -> tuple[str, ...]:
        """Visible files below the folders that are not read, for their suffix."""
        return tuple(name for place in self._places.values() for name in place.passed_over())

    def remarks(self) -> Mapping[str, tuple[str, ...]]:
        """As of every reader, and which files are there twice."""
        words = [
            f"{table}: {again.rpartition('/')[2]!r} has the bytes of {first.rpartition('/')[2]!r};"
            " remove one of the two: rows that are no duplicates of each other count twice"
            for table, place in self._places.items()
            for first, again in place.same()
        ]
        found = super().remarks()
        return {**found, "same_files": tuple(words)} if words else found

    def close(self) -> None:
        """Copies of remote files are removed."""
        for place in self._places.values():
            place.close()

    def load(
        self, table: TableName, part: str, columns: Mapping[str, bool], window: Window | None
    ) -> pa.Table:
        """Columns of one file, those of its folders' names included. Raises SchemaError."""
        path = self._paths[part] = self._places[table].local(part)
        try:
            return self._load(table, part, columns, window)
        except RecsysError as error:  # a copy's own path says nothing to anyone
            if str(path) == part:
                raise
            parts = {name: text.replace(str(path), part) for name, text in vars(error).items()}
            raise type(error)(**parts) from error

    def _load(
        self, table: TableName, part: str, columns: Mapping[str, bool], window: Window | None
    ) -> pa.Table:
        path = self._paths[part]
        names = self._names(table, path)
        if not names and self._format(table, path) == "json":
            return pa.table({name: pa.nulls(0) for name in columns})  # an empty list has no keys
        given = self._places[table].folder_values(part)
        folders = {name: value for name, value in given.items() if name not in names}
        lacking = [name for name in columns if name not in names and name not in folders]
        older = [name for name in lacking if columns[name] and self._comes_later(table, part, name)]
        if refused := [name for name in lacking if name not in older]:
            raise self._missing(table, path, refused, list(columns))
        if repeated := repeated_names(names, list(columns)):
            raise SchemaError(
                expected="each column once",
                found=f"{repeated} is there twice or more",
                where=part,
                remedy="leave out or rename all but one of them",
            )
        present = [name for name in columns if name in names]
        # a file of none of the wanted columns has its rows all the same
        read = self._columns_of(table, path, present or names[:1], window)
        for name in columns:
            if name not in names:
                value = folders.get(name)
                given = (
                    pa.nulls(read.num_rows)
                    if value is None
                    else pa.repeat(pa.scalar(value), read.num_rows)
                )
                read = read.append_column(name, given)
        return read

    def _comes_later(self, table: TableName, part: str, name: str) -> bool:
        """Whether a column that a file lacks came into the delivery with a later one; the newest
        must have all.
        """
        place = self._places[table]
        parts = place.names()
        later = parts[parts.index(part) + 1 :] if part in parts else []
        return any(name in self._names(table, place.local(other)) for other in later)

    def _names(self, table: TableName, path: Path) -> list[str]:
        kind = self._format(table, path)
        if kind in ("parquet", "arrow"):
            return column_names(path, kind)
        return list(self._whole_file(table, path, kind).column_names)

    def _columns_of(
        self, table: TableName, path: Path, columns: list[str], window: Window | None
    ) -> pa.Table:
        kind = self._format(table, path)
        if kind in ("parquet", "arrow"):
            if self._most is not None:
                return first_columns(path, kind, columns, self._most)
            return read_columns(path, kind, columns, window)
        return self._whole_file(table, path, kind).select(columns)

    def _whole_file(self, table: TableName, path: Path, kind: Format) -> pa.Table:
        """A file whose columns are not stored apart: parsed once."""
        dialect = self._written(table).of(path)
        key = (*_version_of(path), dialect)
        if key not in self._read:
            self._read[key] = self._parsed(path, dialect, kind)
        return self._read[key]

    def _parsed(self, path: Path, dialect: Dialect, kind: Format) -> pa.Table:
        if kind != "csv":
            return read_json(path, json_names(path, self._most), self._most)
        if self._most is not None:
            return first_csv_rows(path, dialect, self._most)
        return read_csv(path, dialect)

    def columns_there(self) -> str:
        """What the first rows of each table's newest file show, or of the newest that has some.
        Raises RecsysError as a night would.
        """
        words = []
        for table, columns in contract_columns(self.config, self.cutoff).items():
            wanted, rows = wanted_columns(columns), None
            for part in reversed(self.parts(table)[-_NEWEST:]):
                self._paths[part] = path = self._places[table].local(part)
                names = self._names(table, path) if table != "users" else []
                others = [n for n in names if n and n not in wanted and names.count(n) == 1]
                # first alone: of a file without a header the others are values, never quoted
                rows = self.load(table, part, wanted, None)
                if others:
                    wanted_too = {**wanted, **dict.fromkeys(others, True)}
                    rows = self.load(table, part, wanted_too, None)
                if rows.num_rows:
                    break
            if rows is not None:
                words.append(words_on(self, table, part, columns, rows.slice(0, SAMPLE_ROWS)))
        return "; ".join(words)

    def _written(self, table: TableName) -> Dialect:
        return self._dialects.get(table, Dialect())

    def _format(self, table: TableName, path: Path) -> Format:
        return format_of(path, self._written(table).encoding)

    def _missing(
        self, table: TableName, path: Path, missing: list[str], wanted: list[str]
    ) -> SchemaError:
        found, written = self._names(table, path), self._written(table)
        named = bool(written.columns)
        has_header = not named and self._format(table, path) == "csv"
        hint = separator_hint(found, written.of(path).delimiter) if has_header else ""
        hint = hint or header_words(found, wanted, has_header and table == "users")
        near = {name.strip().lower(): name for name in found}
        alike = [
            f"{name!r} for {near[name.strip().lower()]!r}"
            for name in missing
            if name.strip().lower() in near
        ]
        where = f"`source.columns.{table}`" if named else "the file"
        remedy = (
            "name the columns under `users`, `items` or `events` of the settings, or correct"
            f" {where}"
        )
        if has_header:
            remedy += (
                "; where CSV files have no header, name all of their columns in order:"
                f" `source.columns: {{{table}: [...]}}`"
            )
        return SchemaError(
            expected=f"columns {', '.join(map(repr, wanted))}",
            found=f"no {offenders(missing)}; {hint}"
            + (f"; is it {', '.join(alike)}?" if alike else ""),
            where=str(path),
            remedy=remedy,
        )


def _version_of(path: Path) -> tuple[str, int, int]:
    facts = path.stat()
    return str(path), facts.st_size, facts.st_mtime_ns
