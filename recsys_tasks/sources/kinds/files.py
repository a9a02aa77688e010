"""CSV, JSON, Parquet or Arrow files as a source: its settings, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from recsys_tasks.config import Config, SourceSettings, expand_variables, required_connection
from recsys_tasks.errors import RecsysError, offenders
from recsys_tasks.sources.files.archives import archive_words
from recsys_tasks.sources.files.file_settings import (
    Encoding,
    FileColumns,
    Sign,
    TableDialects,
    Thousands,
)
from recsys_tasks.sources.files.urls import has_credentials

if TYPE_CHECKING:
    from recsys_tasks.sources.base import Reader
    from recsys_tasks.sources.files.places import Place
    from recsys_tasks.sources.files.streams import Dialect
    from recsys_tasks.sources.tables import TableName

_TABLES: tuple[TableName, ...] = ("events", "items", "users")


class FilesSource(SourceSettings):
    """CSV, JSON (an object a line, or a list of objects), Parquet or Arrow IPC files (Feather,
    too), or folders of them.
    """

    kind: Literal["files"] = "files"
    events: str
    """File, folder or pattern (`part-*.csv`) with the interactions, on this machine or in an object
    store (`s3://bucket/events`, `gs://...`); `${VAR}` is replaced from the environment, and a
    relative path is one beside this file."""
    items: str | None = None
    """File or folder with the items; null: items are those seen in the interactions, and their
    titles are the ids."""
    users: str | None = None
    """File or folder with the users; null: users are those seen in the interactions."""
    impressions: str | None = Field(default=None, exclude_if=lambda path: path is None)
    """File or folder with what users were shown, a row a showing (`events.impressions` names its
    columns); null: there is none, or its rows are among the interactions."""
    connection: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Id of the Airflow connection (without Airflow: AIRFLOW_CONN_<ID>) with the credentials of an
    object store; null: what its driver finds in the environment."""
    # Left out of hashes where unset: a home without them goes on from the rows that it has.
    delimiter: Sign = Field(default=",", exclude_if=lambda sign: sign == ",")
    """What separates the values of CSV files; while it is a comma, a `.tsv` file is separated by
    tabs.
    """
    encoding: Encoding = Field(default="utf-8", exclude_if=lambda name: name == "utf-8")
    """Encoding of CSV files, e.g. latin-1 or utf-16."""
    null_words: tuple[str, ...] = Field(default=(), exclude_if=lambda words: not words)
    r"""Words that mean a missing value in CSV files, such as NULL or \N; an empty value always
    does.
    """
    columns: FileColumns | None = Field(default=None, exclude_if=lambda names: names is None)
    """Columns of CSV files without a header row; null: every file has one."""
    decimal: Literal[".", ","] = Field(default=".", exclude_if=lambda sign: sign == ".")
    """Sign before the fraction of numbers in CSV files; a number with the other sign is a fault,
    unless it is that of `thousands`. Supplied vectors have points under both."""
    thousands: Thousands = Field(default="", exclude_if=lambda sign: not sign)
    """Sign between the thousands of numbers in CSV files: a comma, a point, a blank or an
    apostrophe, where numbers have it (`1,299.00`) or leave it out (`1299.00`). Empty: none, and a
    number with one is a fault."""
    dialects: TableDialects | None = Field(default=None, exclude_if=lambda given: given is None)
    """Tables whose CSV files are written otherwise than the settings above say, e.g. `{items:
    {delimiter: ";", decimal: ","}}`; null: all are written alike."""

    @model_validator(mode="after")
    def _names_columns_of_tables(self) -> FilesSource:
        for section, given in (("columns", self.columns), ("dialects", self.dialects)):
            for table in ("items", "users", "impressions"):
                if getattr(given, table, None) is not None and getattr(self, table) is None:
                    raise ValueError(f"{section}.{table} is of a table that {table} does not name")
        return self

    @model_validator(mode="after")
    def _tells_thousands_from_fractions(self) -> FilesSource:
        own = [(f"dialects.{name}.", one) for name, one in self.dialects or () if one is not None]
        for where, one in [("", self), *own]:
            decimal, thousands = one.decimal or self.decimal, one.thousands
            thousands = self.thousands if thousands is None else thousands
            if decimal == thousands:
                raise ValueError(
                    f"{where}thousands and decimal are both {decimal!r}: numbers with one sign"
                    " for both cannot be read; where thousands have a point, the fraction has a"
                    ' comma: {decimal: ",", thousands: "."}'
                )
        return self

    @field_validator("events", "items", "users", "impressions")
    @classmethod
    def _is_a_path(cls, path: str | None) -> str | None:
        if path is not None and path.lower().startswith(("http://", "https://", "ftp://")):
            raise ValueError(
                "files of the web are not read: download the file (curl -O URL) and name its path,"
                " or name one of an object store, s3:// or gs://"
            )
        if path is not None and has_credentials(path):
            raise ValueError(
                "credentials do not belong into a settings file: leave them out of the URL, and"
                " export them or name an Airflow connection as source.connection"
            )
        return path

    @property
    def connections(self) -> tuple[str, ...]:
        """Airflow's connections that are read."""
        return (self.connection,) if self.connection else ()

    @property
    def has_items_table(self) -> bool:
        """Whether the settings name one."""
        return self.items is not None

    def says_signs(self, table: str) -> bool:
        """Whether the settings file says what stands before fractions or between thousands, be it
        what stands there anyway.
        """
        own = getattr(self.dialects, table, None) if self.dialects else None
        said = {"decimal", "thousands"} & self.model_fields_set
        return bool(said) or (
            own is not None and bool({"decimal", "thousands"} & own.given().keys())
        )

    @property
    def of_impressions(self) -> FilesSource | None:
        """Their files alone."""
        if self.impressions is None:
            return None
        alone = {"events": self.impressions, "items": None, "users": None, "impressions": None}
        columns = FileColumns(events=self.columns.impressions) if self.columns else None
        dialects = TableDialects(events=self.dialects.impressions) if self.dialects else None
        return self.model_copy(update={**alone, "columns": columns, "dialects": dialects})


def _dialect(settings: FilesSource, table: TableName) -> Dialect:
    from recsys_tasks.sources.files.streams import Dialect

    given: dict[str, Any] = {"delimiter": settings.delimiter, "encoding": settings.encoding}
    given |= {"null_words": settings.null_words, "decimal": settings.decimal}
    given["thousands"] = settings.thousands
    own = getattr(settings.dialects, table) if settings.dialects else None
    names = settings.columns.by_table().get(table, ()) if settings.columns else ()
    return Dialect(**given | (own.given() if own else {}), columns=names)


class Files:
    """Implements `sources.base.Source`."""

    name = "files"
    settings = FilesSource

    def describe(self, settings: FilesSource) -> str:
        """The paths, as they were written."""
        paths = {"items": settings.items, "users": settings.users}
        words = [f"{name} {path or 'those of the events'}" for name, path in paths.items()]
        words += [f"impressions {settings.impressions}"] if settings.impressions else []
        return f"files: events {settings.events}, {', '.join(words)}"

    def has_users_table(self, settings: FilesSource) -> bool:
        """Whether the settings name a users table."""
        return settings.users is not None

    def open(self, config: Config, settings: FilesSource, home: Path) -> Reader:
        """The files that the settings name, `${VAR}` replaced. Raises ConfigError when a variable
        is unset.
        """
        from recsys_tasks.sources.files.reader import FileReader

        return FileReader(
            config,
            self._places(config, settings),
            {table: _dialect(settings, table) for table in _TABLES},
        )

    def examine(self, config: Config, settings: FilesSource) -> Iterator[tuple[bool, str]]:
        """Whether every path has files, and what the first rows of those on this machine show."""
        missing = []
        for name in (*_TABLES, "impressions"):
            given = getattr(settings, name)
            if given is None:
                continue
            try:
                self._place(config, settings, given).names()
            except (RecsysError, OSError) as error:
                words = str(error)
                if isinstance(error, RecsysError):
                    words = f"{error.found}: {error.remedy}" if "://" in given else error.found
                missing.append(f"source.{name} {given}: {words}")
        if missing:
            remedy = "deliver them, or correct `source` in the settings file"
            yield False, f"data files: {'; '.join(missing)}: {remedy}"
            return
        yield True, "data files: there"
        yield from self._not_read(config, settings)
        given = [settings.events, settings.items, settings.users, settings.impressions]
        if not any("://" in expand_variables(path) for path in given if path):
            yield from self._first_rows(config, settings)

    def _not_read(self, config: Config, settings: FilesSource) -> Iterator[tuple[bool, str]]:
        """Files that lie among those that are read."""
        for name in (*_TABLES, "impressions"):
            given = getattr(settings, name)
            over = self._place(config, settings, given).passed_over() if given else []
            if over:
                words = archive_words(over) or offenders(Path(path).name for path in over)
                yield True, f"not read: source.{name} {given}: {words}"

    def _first_rows(self, config: Config, settings: FilesSource) -> Iterator[tuple[bool, str]]:
        from recsys_tasks.sources.files.reader import FileReader
        from recsys_tasks.sources.first_rows import SAMPLE_ROWS
        from recsys_tasks.sources.showings import showings_config

        asked = [(config, settings, "events")]
        if (shown := settings.of_impressions) is not None:
            asked.append((showings_config(config, shown), shown, "impressions"))
        try:
            for given, tables, name in asked:
                places = self._places(given, tables)
                written = {table: _dialect(tables, table) for table in _TABLES}
                reader = FileReader(given, places, written, SAMPLE_ROWS)
                yield True, f"first rows: {reader.columns_there().replace('events', name, 1)}"
        except RecsysError as error:
            yield False, f"first rows: {error.found} ({error.where}): {error.remedy}"

    def _places(self, config: Config, settings: FilesSource) -> dict[TableName, Place]:
        paths: dict[TableName, str | None] = {t: getattr(settings, t) for t in _TABLES}
        return {
            table: self._place(config, settings, path)
            for table, path in paths.items()
            if path is not None
        }

    def _place(self, config: Config, settings: FilesSource, given: str) -> Place:
        from recsys_tasks.sources.files.listing import resolve
        from recsys_tasks.sources.files.places import LocalFiles

        path = expand_variables(given)
        if "://" not in path:
            return LocalFiles(resolve(path, config.folder))
        from recsys_tasks.sources.files.remote import RemoteFiles

        connection = settings.connection
        return RemoteFiles(path, required_connection(connection) if connection else None)


SOURCE = Files()
