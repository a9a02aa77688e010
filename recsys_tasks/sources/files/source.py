"""CSV and Parquet files, or folders of them, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks import schema
from recsys_tasks.clock import DAY_SECONDS, day_of, start_of
from recsys_tasks.config import Attribute, Config, FilesSource, expand_variables
from recsys_tasks.errors import SchemaError, offenders
from recsys_tasks.sources.columns import Read, as_ids, as_number, as_text, as_values, read_flags
from recsys_tasks.sources.delivered import Delivered, odd_numbers
from recsys_tasks.sources.files.csv import (
    Dialect,
    header_words,
    read_csv,
    repeated_names,
    separator_hint,
)
from recsys_tasks.sources.files.formats import Window, is_parquet, parquet_names, read_parquet
from recsys_tasks.sources.files.listing import (
    folder_values,
    list_files,
    passed_over,
    resolve,
    shown_path,
)
from recsys_tasks.sources.times.columns import read_times
from recsys_tasks.sources.times.rule import event_times, launch_times
from recsys_tasks.sources.vectors import as_vectors

_Reader = Callable[[Any], Any]


@dataclass(frozen=True)
class _Column:
    """How one column of the contract is read: from which delivered column (None: all null) and
    how.
    """

    name: str
    source: str | None
    read: _Reader
    optional: bool = False
    """An older file of several may lack it."""
    range: tuple[float | None, float | None] | None = None
    """Of a number: what it may be; others are quoted as they were delivered."""


def open_files(config: Config, source: FilesSource) -> Files:
    """The files that the settings name, `${VAR}` replaced. Raises ConfigError when a variable is
    unset.
    """
    folder = config.folder
    return Files(
        config,
        resolve(expand_variables(source.events), folder),
        resolve(expand_variables(source.items), folder),
        resolve(expand_variables(source.users), folder) if source.users else None,
        Dialect(source.delimiter, source.encoding, source.null_words),
    )


@dataclass
class Files:
    """Events, items and users below these paths; `users` None: whoever has events."""

    config: Config
    events: Path
    items: Path
    users: Path | None = None
    dialect: Dialect = field(default_factory=Dialect)
    _cutoff: int | None = field(default=None, repr=False)
    _csv: dict[tuple[str, int, int], pa.Table] = field(default_factory=dict, repr=False)
    _odd: Delivered = field(default_factory=Delivered, repr=False)

    def prepare(self, before: date) -> None:
        """Files are there or are not; what a plausible time is depends on the night."""
        self._cutoff = start_of(before)

    def fingerprint(self) -> str:
        """Hash of every file's name, size and modification time."""
        digest = hashlib.sha256()
        for root in (self.events, self.items, self.users):
            for path in list_files(root) if root else ():
                facts = path.stat()
                digest.update(f"{path}:{facts.st_size}:{facts.st_mtime_ns};".encode())
        return digest.hexdigest()[:16]

    def read_events(self, first: date | None, before: date) -> pa.Table:
        """DELIVERED_EVENTS rows of [first, before), and every row without a readable time."""
        start, end = (start_of(first) if first else None), start_of(before)
        columns = self._event_columns()
        files = list_files(self.events)
        tables = [self._read_window(path, columns, start, end) for path in files]
        contract = schema.DELIVERED_EVENTS.schema
        return pa.concat_tables(
            [contract.empty_table(), *(table.select(contract.names) for table in tables)]
        )

    def count_after(self, seconds: int) -> int:
        """Rows with a time at or after this second."""
        columns = [c for c in self._event_columns() if c.name == "ts"]
        files = list_files(self.events)
        return sum(
            self._read_window(path, columns, seconds, None, undated=False).num_rows
            for path in files
        )

    def count_days(
        self, before: date, without: Callable[[pa.Table], pa.Table] | None = None
    ) -> dict[date, int]:
        """Rows with a readable time by UTC day, of the days before a date."""
        wanted = ("ts",) if without is None else ("ts", "user_id")
        columns = [c for c in self._event_columns() if c.name in wanted]
        counts: dict[date, int] = {}
        for path in list_files(self.events):
            table = self._read_window(path, columns, None, start_of(before), undated=False)
            table = table if without is None else without(table)
            days, rows = np.unique(table["ts"].to_numpy() // DAY_SECONDS, return_counts=True)
            for day, n in zip(days.tolist(), rows.tolist(), strict=True):
                if day < 0:  # no day that a shop has
                    continue
                counts[day_of(day * DAY_SECONDS)] = counts.get(day_of(day * DAY_SECONDS), 0) + n
        return counts

    def odd_values(self) -> Mapping[str, tuple[str, ...]]:
        """The first numbers of each column that are none or out of range, as they were
        delivered.
        """
        return self._odd.quoted()

    def files_passed_over(self) -> tuple[str, ...]:
        """Visible files below the folders that are not read, for their suffix."""
        roots = (self.events, self.items, self.users)
        return tuple(shown_path(path) for root in roots if root for path in passed_over(root))

    def read_users(self) -> pa.Table:
        """Users as delivered; without a users file, those seen in the events, sorted."""
        contract = schema.raw_users(self.config)
        table = self.config.users
        if self.users is None:
            ids = pc.unique(
                self._read("events", self.events, self._event_columns()[:1])["user_id"]
            ).drop_null()
            ids = ids.take(pc.sort_indices(ids))
            absent = {
                n: pa.nulls(len(ids), contract.schema.field(n).type)
                for n in contract.schema.names[1:]
            }
            return contract.check(pa.table({"user_id": ids, **absent}), str(self.events))
        columns = [
            _Column("user_id", table.id_column, as_ids),
            *_attribute_columns(table.attributes),
        ]
        return contract.check(self._read("users", self.users, columns), str(self.users))

    def read_items(self) -> pa.Table:
        """Items as delivered."""
        table = self.config.items
        further = tuple(a for a in table.attributes if a.name != "title")
        launches = launch_times(self.config, self._cutoff)
        titled = "title" if len(further) < len(table.attributes) else None
        columns = [
            _Column("item_id", table.id_column, as_ids),
            _Column("title", table.title_column or titled, as_text, optional=True),
            _Column(
                "available_from", table.available_from_column, partial(read_times, rule=launches)
            ),
            _Column("available", table.available_column, read_flags),
            *_attribute_columns(further),
        ]
        return schema.raw_items(self.config).check(
            self._read("items", self.items, columns), str(self.items)
        )

    def items_as_of(self, now: datetime) -> date | None:
        """Today; under a simulated clock the files may tell of any later day."""
        return None if self.config.clock == "simulated" else now.astimezone(UTC).date()

    def _event_columns(self) -> list[_Column]:
        table = self.config.events
        return [
            _Column("user_id", table.user_column, as_ids),
            _Column("item_id", table.item_column, as_ids),
            _Column(
                "ts",
                table.timestamp_column,
                partial(read_times, rule=event_times(self.config, self._cutoff)),
            ),
            _Column("event", table.event_column, as_text),
            _Column("price", table.price_column, as_number, True, (0, None)),
            _Column("quantity", table.quantity_column, as_number, True, (0, None)),
            *(
                [_Column("position", table.impressions.position_column, as_number, True, (1, None))]
                if table.impressions
                else []
            ),
        ]

    def _read(self, table: str, root: Path, columns: Sequence[_Column]) -> pa.Table:
        files = list_files(root)
        return pa.concat_tables(
            [
                self._contract(path, self._load(root, path, columns, None), columns, table)
                for path in files
            ]
        )

    def _read_window(
        self,
        path: Path,
        columns: Sequence[_Column],
        start: int | None,
        end: int | None,
        undated: bool = True,
    ) -> pa.Table:
        """Contract rows of one file with start <= ts < end, and (`undated`) those without a
        time.
        """
        ts = next(c.source for c in columns if c.name == "ts")
        window = (str(ts), start, end, event_times(self.config, self._cutoff))
        table = self._contract(
            path, self._load(self.events, path, columns, window), columns, "events"
        )
        keep = pc.is_null(table["ts"]) if undated else pa.scalar(False)
        inside = pa.scalar(True)
        if start is not None:
            inside = pc.and_(inside, pc.greater_equal(table["ts"], start))
        if end is not None:
            inside = pc.and_(inside, pc.less(table["ts"], end))
        return table.filter(pc.or_kleene(keep, inside))

    def _load(
        self, root: Path, path: Path, columns: Sequence[_Column], window: Window | None
    ) -> pa.Table:
        """Delivered columns of one file, those of its folders' names included."""
        wanted: dict[str, bool] = {}  # one column may be an id and an attribute, too
        for column in columns:
            if column.source is not None:
                wanted[column.source] = column.optional and wanted.get(column.source, True)
        names = self._names(path)
        folders = {
            name: value for name, value in folder_values(root, path).items() if name not in names
        }
        lacking = [name for name in wanted if name not in names and name not in folders]
        older = [name for name in lacking if wanted[name] and self._comes_later(root, path, name)]
        if refused := [name for name in lacking if name not in older]:
            raise _missing(refused, list(wanted), names, path, self.dialect)
        if repeated := repeated_names(names, list(wanted)):
            raise SchemaError(
                expected="each column once",
                found=f"{repeated} is there twice or more",
                where=str(path),
                remedy="leave out or rename all but one of them",
            )
        present = [name for name in wanted if name in names]
        # a file of none of the wanted columns has its rows all the same
        table = self._columns_of(path, present or names[:1], window)
        for name in wanted:
            if name not in names:
                value = folders.get(name)
                given = (
                    pa.nulls(table.num_rows)
                    if value is None
                    else pa.repeat(pa.scalar(value), table.num_rows)
                )
                table = table.append_column(name, given)
        return table

    def _comes_later(self, root: Path, path: Path, name: str) -> bool:
        """Whether a column that a file lacks came into the delivery with a later one; the newest
        must have all.
        """
        return any(name in self._names(later) for later in list_files(root) if later > path)

    def _names(self, path: Path) -> list[str]:
        if is_parquet(path, self.dialect.encoding):
            return parquet_names(path)
        return list(self._load_csv(path).column_names)

    def _columns_of(self, path: Path, columns: list[str], window: Window | None) -> pa.Table:
        if is_parquet(path, self.dialect.encoding):
            return read_parquet(path, columns, window)
        return self._load_csv(path).select(columns)

    def _load_csv(self, path: Path) -> pa.Table:
        facts = path.stat()
        key = (str(path), facts.st_size, facts.st_mtime_ns)
        if key not in self._csv:
            self._csv[key] = read_csv(path, self.dialect)
        return self._csv[key]

    def _contract(
        self, path: Path, table: pa.Table, columns: Sequence[_Column], suite: str
    ) -> pa.Table:
        """Delivered columns read as the contract's; an undeclared event column means the first
        kind.
        """
        types: Mapping[str, pa.DataType] = {
            "title": pa.string(),
            "available_from": pa.int64(),
            "available": pa.bool_(),
        }
        made: dict[str, Any] = {}
        for column in columns:
            if column.source is not None:
                values = self._read_column(path, table[column.source], column, suite)
                made |= (
                    _with_faults(column.name, values)
                    if isinstance(values, Read)
                    else {column.name: values}
                )
            elif column.name == "event":
                made[column.name] = pa.repeat(
                    pa.scalar(self.config.events.kinds[0].name), table.num_rows
                )
            else:
                made[column.name] = pa.nulls(table.num_rows, types.get(column.name, pa.float64()))
                if column.name in ("available_from", "available"):
                    made[f"{column.name}_fault"] = pa.nulls(table.num_rows, pa.string())
        if "position" in made and self.config.events.impressions is not None:
            shown = pc.equal(made["event"], self.config.events.impressions.event)
            made["quantity"] = pc.if_else(
                pc.fill_null(shown, False), made.pop("position"), made["quantity"]
            )
        return pa.table(made)

    def _read_column(self, path: Path, delivered: Any, column: _Column, suite: str) -> Any:
        """One column as the contract's type; its odd numbers are kept as they were. Raises
        SchemaError.
        """
        try:
            read = column.read(delivered)
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise SchemaError(
                expected=f"a column {column.source!r} that can be read as {column.name}",
                found=f"{delivered.type}: {str(error).splitlines()[0][:160]}",
                where=str(path),
                remedy=(
                    "write the column as plain text, numbers or times; lists of values are read"
                    " where the settings declare an attribute of kind multi"
                ),
            ) from error
        if column.range is not None and (odd := odd_numbers(read, *column.range)) is not None:
            self._odd.note(f"{suite}.{column.name}", delivered, odd)
        return read


def _attribute_columns(attributes: Sequence[Attribute]) -> list[_Column]:
    return [
        _Column(
            a.name,
            a.delivered_as,
            _reader(a),
            True,
            (a.minimum, a.maximum) if a.kind == "numeric" else None,
        )
        for a in attributes
    ]


def _reader(attribute: Attribute) -> _Reader:
    if attribute.dimensions is not None:
        return partial(as_vectors, dimensions=attribute.dimensions)
    if attribute.kind == "multi":
        return partial(as_values, separator=attribute.separator)
    return as_number if attribute.kind == "numeric" else as_text


def _with_faults(name: str, read: Read) -> dict[str, Any]:
    return {name: read.values, f"{name}_fault": read.faults}


def _missing(
    missing: list[str], wanted: list[str], found: list[str], path: Path, dialect: Dialect
) -> SchemaError:
    hint = separator_hint(found, dialect.delimiter) or header_words(found, wanted)
    near = {name.strip().lower(): name for name in found}
    alike = [
        f"{name!r} for {near[name.strip().lower()]!r}"
        for name in missing
        if name.strip().lower() in near
    ]
    return SchemaError(
        expected=f"columns {', '.join(map(repr, wanted))}",
        found=f"no {offenders(missing)}; {hint}"
        + (f"; is it {', '.join(alike)}?" if alike else ""),
        where=str(path),
        remedy=(
            "name the columns under `users`, `items` or `events` of the settings, or correct the"
            " file"
        ),
    )
