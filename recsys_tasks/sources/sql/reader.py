"""Tables of a database, read as a source: columns, windows of time and casts are the database's
work, and the history comes in pieces.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.clock import DAY_SECONDS, day_of, start_of
from recsys_tasks.config import Config
from recsys_tasks.errors import SchemaError, offenders
from recsys_tasks.sources.contract import (
    event_columns,
    wanted_columns,
)
from recsys_tasks.sources.first_rows import SAMPLE_ROWS, contract_columns, words_on
from recsys_tasks.sources.noticed.undeclared import tells
from recsys_tasks.sources.sql.address import Address
from recsys_tasks.sources.sql.database import Database, open_database
from recsys_tasks.sources.sql.faults import translated
from recsys_tasks.sources.sql.pushdown import (
    can_push,
    day_number,
    day_of_time,
    within,
    without_time,
)
from recsys_tasks.sources.sql.relation import Relation, name_of
from recsys_tasks.sources.tables import TableName, TableReader, Window
from recsys_tasks.sources.times.rule import event_times

PIECE_ROWS = 2_000_000
"""Rows in memory at once, so far as whole days allow."""
_AS_THEY_ARE = ("string", "boolean", "date", "timestamp", "array", "binary", "struct", "map")


class SqlReader(TableReader):
    """The tables of one database, all as of the moment of the first read, where it can do so."""

    def __init__(
        self, config: Config, address: Address, relations: Mapping[TableName, Relation]
    ) -> None:
        super().__init__(config)
        self._address, self._relations = address, relations
        self._opened: Database | None = None
        self._tables: dict[TableName, Any] = {}

    def fingerprint(self) -> str:
        """Always another: no database says cheaply whether any row has changed."""
        return uuid.uuid4().hex[:16]

    def parts(self, table: TableName) -> Sequence[str]:
        """The table or query that the settings name."""
        return [name_of(self._relations[table])] if table in self._relations else []

    def columns_of(self, table: TableName, part: str) -> Sequence[str]:
        """As the database says."""
        return list(self._table(table).columns)

    def where(self, table: TableName) -> str:
        """The table and its database."""
        return f"{name_of(self._relations[table])} at {self._address.shown}"

    def close(self) -> None:
        """End the transaction that all was read in."""
        opened, self._opened = self._opened, None
        self._tables.clear()
        if opened is not None:
            opened.close()

    def load(
        self,
        table: TableName,
        part: str,
        columns: Mapping[str, bool],
        window: Window | None,
        limit: int | None = None,
    ) -> pa.Table:
        """The columns as the database gives them, of rows inside the window. Raises SchemaError,
        ConfigError, TransientError.
        """
        rows = self._table(table)
        if missing := [name for name in columns if name not in rows.columns]:
            raise _missing(missing, rows.columns, self.where(table))
        if window is not None and can_push(rows[window.column].type(), window.rule):
            time = rows[window.column]
            wanted = within(time, window.rule, window.start, window.end)
            if window.undated:
                wanted = wanted | without_time(time, window.rule)
            rows = rows.filter(wanted)
        rows = rows if limit is None else rows.limit(limit)
        untyped = self._database().untyped
        picked = rows.select(**{name: _readable(rows[name], untyped) for name in columns})
        return self._fetch(picked, table)

    def read_pieces(self, first: date | None, before: date) -> Iterator[pa.Table]:
        """Whole days of about PIECE_ROWS rows each, the newest last."""
        if not self._can_push():
            yield self.read_events(first, before)
            return
        begin = start_of(first) if first else None
        bounds = _bounds(self._by_day(begin, start_of(before)))
        ends = [*bounds, start_of(before)]
        columns, starts = event_columns(self.config, self.cutoff), [begin, *bounds]
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            yield self.read_window(self.parts("events")[0], columns, start, end, undated=not number)

    def columns_there(self) -> str:
        """What the first rows of each table show. Raises RecsysError as a night would."""
        words = []
        for table, columns in contract_columns(self.config, self.cutoff).items():
            if not self.parts(table):
                continue
            wanted = wanted_columns(columns)
            part = self.where(table)
            further = [name for name in self.columns_of(table, part) if tells(table, name)]
            wanted |= dict.fromkeys(further, True)
            rows = self.load(table, part, wanted, None, limit=SAMPLE_ROWS)
            words.append(words_on(self, table, part, columns, rows))
        return "; ".join(words)

    def count_after(self, seconds: int) -> int:
        """Rows with a time at or after this second, counted by the database where it can."""
        return (
            sum(self._by_day(seconds, None).values())
            if self._counts()
            else (super().count_after(seconds))
        )

    def count_days(
        self, before: date, without: Callable[[pa.Table], pa.Table] | None = None
    ) -> dict[date, int]:
        """Rows by UTC day, counted by the database where it can."""
        if not self._can_push():
            return super().count_days(before, without)
        counts = self._by_day(None, start_of(before))
        for day, n in (self._left_out(before, without) if without else {}).items():
            counts[day] -= n
        return {day: n for day, n in counts.items() if n and start_of(day) >= 0}

    def _left_out(self, before: date, without: Callable[[pa.Table], pa.Table]) -> dict[date, int]:
        """Rows by day of the users that `without` leaves out."""
        events, column = self._table("events"), self.config.events.user_column
        ids = self._fetch(
            events.select(user_id=_readable(events[column], False)).distinct(), "events"
        )
        ids = ids.cast(pa.schema([("user_id", pa.string())]))
        kept = pc.is_in(ids["user_id"], value_set=without(ids)["user_id"].combine_chunks())
        gone = ids.filter(pc.invert(kept))["user_id"].to_pylist()
        if not gone:
            return {}
        return self._by_day(None, start_of(before), lambda t: t[column].cast("string").isin(gone))

    def _by_day(
        self,
        start: int | None,
        end: int | None,
        which: Callable[[Any], Any] | None = None,
    ) -> dict[date, int]:
        rows, rule = self._table("events"), event_times(self.config, self.cutoff)
        name = self.config.events.timestamp_column
        rows = rows.filter(within(rows[name], rule, start, end))
        rows = rows if which is None else rows.filter(which(rows))
        counted = rows.group_by(day=day_of_time(rows[name], rule)).agg(n=rows.count())
        found = self._fetch(counted, "events").to_pylist()
        return {day_of(day_number(r["day"], rule) * DAY_SECONDS): int(r["n"]) for r in found}

    def _can_push(self) -> bool:
        rows, name = self._table("events"), self.config.events.timestamp_column
        if name not in rows.columns:
            raise _missing([name], rows.columns, self.where("events"))
        return not self._database().untyped and can_push(
            rows[name].type(), event_times(self.config, self.cutoff)
        )

    def _counts(self) -> bool:
        """Whether the database can count rows of any late time: not where numbers in seconds may
        be hour keys.
        """
        name = self.config.events.timestamp_column
        return self._can_push() and not self._table("events")[name].type().is_numeric()

    def _database(self) -> Database:
        if self._opened is None:
            self._opened = open_database(self._address)
        return self._opened

    def _table(self, table: TableName) -> Any:
        if table not in self._tables:
            database = self._database()
            try:
                self._tables[table] = database.table(self._relations[table])
            except Exception as error:  # each driver has its own
                raise translated(error, self._address, table) from None
        return self._tables[table]

    def _fetch(self, rows: Any, table: TableName) -> pa.Table:
        database = self._database()
        try:
            batches = list(database.stream(rows))
        except Exception as error:  # each driver has its own
            raise translated(error, self._address, table) from None
        schema = batches[0].schema if batches else rows.schema().to_pyarrow()
        return pa.Table.from_batches(batches, schema)


def _readable(column: Any, untyped: bool) -> Any:
    """A column whose values Arrow gives as they are; decimals, ids and documents as text."""
    kind = column.type()
    plain = kind.is_integer() or kind.is_floating()
    plain = plain or any(getattr(kind, f"is_{name}")() for name in _AS_THEY_ARE)
    return column if plain and not untyped else column.cast("string")


def _bounds(counts: Mapping[date, int]) -> list[int]:
    """First seconds of the days at which a new piece begins."""
    bounds, rows = [], 0
    for day in sorted(counts):
        if rows and rows + counts[day] > PIECE_ROWS:
            bounds.append(start_of(day))
            rows = 0
        rows += counts[day]
    return bounds


def _missing(missing: Sequence[str], found: Iterable[str], where: str) -> SchemaError:
    near = {name.strip().lower(): name for name in found}
    alike = [f"{name!r} for {near[name.lower()]!r}" for name in missing if name.lower() in near]
    return SchemaError(
        expected=f"columns {', '.join(map(repr, missing))}",
        found=f"the columns {offenders(found)}" + (f"; is it {', '.join(alike)}?" if alike else ""),
        where=where,
        remedy="name the columns under `users`, `items` or `events`, or correct the query",
    )
