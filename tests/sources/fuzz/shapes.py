"""The shop of the fuzzer, and a delivery of it as plain values: what a writer writes into files and
what the slow reader reads without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from recsys_tasks.config import Config, TimeUnit
from recsys_tasks.sources.files.file_settings import FileColumns
from tests.worlds import make_config

AS_OF = date(2026, 3, 2)
KINDS = ("purchase", "view")
TableName = Literal["events", "items", "users"]
Meaning = Literal["id", "time", "launch", "text", "number", "flag", "values"]
Form = Literal["csv", "tsv", "lines", "list", "parquet", "arrow", "stream"]
Place = Literal["folder", "pattern", "file"]
ABSENT = object()
"""In a cell of JSON: the row lacks the key."""


class Declared(NamedTuple):
    """A column of the contract, and the delivered one that the settings read it from."""

    name: str
    column: str
    meaning: Meaning
    optional: bool = False
    """An older part may lack it."""


TABLES: Mapping[TableName, tuple[Declared, ...]] = {
    "events": (
        Declared("user_id", "Customer No.", "id"),
        Declared("item_id", "item_id", "id"),
        Declared("ts", "when", "time"),
        Declared("event", "kind", "text"),
        Declared("price", "Preis", "number", True),
        Declared("quantity", "count", "number", True),
    ),
    "items": (
        Declared("item_id", "sku", "id"),
        Declared("title", "Größe & Name", "text", True),
        Declared("available_from", "launch", "launch"),
        Declared("available", "in stock", "flag"),
        Declared("colour", "colour", "text", True),
        Declared("cost", "Unit-Cost", "number", True),
        Declared("tags", "tags", "values", True),
    ),
    "users": (
        Declared("user_id", "id", "id"),
        Declared("land", "land", "text", True),
        Declared("age", "age", "number", True),
    ),
}


@dataclass(frozen=True)
class Style:
    """What the settings say of all files."""

    delimiter: str = ","
    encoding: str = "utf-8"
    null_words: tuple[str, ...] = ()
    unit: TimeUnit = "seconds"
    launch_unit: TimeUnit = "seconds"
    users_table: bool = True
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", "'"] = ""
    headerless: tuple[TableName, ...] = ()
    """Tables whose CSV files have no header."""
    timezone: str | None = None
    """Of the interactions' times."""
    time_format: str | None = None


@dataclass(frozen=True)
class Stored:
    """A column of one part: `kind` is "text" in CSV, "json", or the key of a Parquet type."""

    name: str
    kind: str
    cells: tuple[Any, ...]


@dataclass(frozen=True)
class Part:
    """A file, its columns in their order."""

    form: Form
    columns: tuple[Stored, ...]
    rows: int
    quote_all: bool = False
    newline: str = "\n"
    ends_with_newline: bool = True
    mark: bool = False
    """A byte order mark, of UTF-8."""
    header: bool = True
    """Of CSV."""
    headed_again: bool = False
    """Of CSV: the header is there again, as the last line."""
    packed: bool = False
    group: int = 1000
    """Rows of a row group of Parquet."""


@dataclass(frozen=True)
class Damage:
    """What is wrong with one part; `at` is a position from 0 to 1."""

    kind: str
    table: TableName
    part: int
    at: float


@dataclass(frozen=True)
class Delivery:
    """Parts by table, in the order of their names, and at most one damage."""

    style: Style
    tables: Mapping[TableName, tuple[Part, ...]]
    place: Place = "folder"
    damage: Damage | None = None
    validation: Mapping[str, Any] = field(default_factory=dict)

    def config(self, folder: Path) -> Config:
        """Settings that read the delivery below `folder`."""
        config, style = settings(), self.style
        changes = {
            "events": self.path(folder, "events"),
            "items": self.path(folder, "items"),
            "users": self.path(folder, "users") if style.users_table else None,
            "delimiter": style.delimiter,
            "encoding": style.encoding,
            "null_words": style.null_words,
            "decimal": style.decimal,
            "thousands": style.thousands,
            "columns": self._columns(),
        }
        source = config.source.model_copy(update=changes)
        validation = config.validation.model_copy(update=dict(self.validation))
        times: dict[str, Any] = {"timestamp_unit": style.unit, "timezone": style.timezone}
        times["timestamp_format"] = style.time_format
        events = config.events.model_copy(update=times)
        items = config.items.model_copy(update={"available_from_unit": style.launch_unit})
        made = {"source": source, "validation": validation, "events": events, "items": items}
        return config.model_copy(update=made)

    def _columns(self) -> FileColumns | None:
        """Of each table without a header the columns of its CSV files, which have the same."""
        found = {
            table: tuple(column.name for column in part.columns)
            for table in self.style.headerless
            for part in self.tables.get(table, ())
            if part.form in ("csv", "tsv")
        }
        return FileColumns(**found) if found else None

    def path(self, folder: Path, table: TableName) -> str:
        """What the settings name for a table: a folder, a pattern, or its only file."""
        if self.place == "pattern":
            return str(folder / table / "part-*")
        if self.place == "file" and len(self.tables[table]) == 1:
            return str(folder / table / self.name(table, 0))
        return str(folder / table)

    def name(self, table: TableName, number: int) -> str:
        """Name of a part's file."""
        part = self.tables[table][number]
        end = {"lines": "jsonl", "list": "ndjson", "stream": "arrows"}.get(part.form, part.form)
        return f"part-{number}.{end}" + ".gz" * part.packed


@cache
def settings() -> Config:
    """Settings of the shop but for its files; read once, for that takes longer than an example."""
    return make_config(
        clock="simulated",
        events={
            "user_column": "Customer No.",
            "item_column": "item_id",
            "timestamp_column": "when",
            "event_column": "kind",
            "price_column": "Preis",
            "quantity_column": "count",
            "kinds": [{"name": name} for name in KINDS],
        },
        items={
            "id_column": "sku",
            "title_column": "Größe & Name",
            "available_from_column": "launch",
            "available_column": "in stock",
            "attributes": [
                {"name": "colour", "kind": "categorical"},
                {"name": "cost", "column": "Unit-Cost", "kind": "numeric"},
                {"name": "tags", "kind": "multi"},
            ],
        },
        users={
            "id_column": "id",
            "attributes": [
                {"name": "land", "kind": "categorical"},
                {"name": "age", "kind": "numeric"},
            ],
        },
    )
