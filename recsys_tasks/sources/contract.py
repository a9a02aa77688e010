"""Delivered columns read as the columns of the contract (`schema.DELIVERED_EVENTS`, `raw_users`,
`raw_items`): which delivered column each is read from, and how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks import schema
from recsys_tasks.config import Attribute, Config
from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.columns import (
    POINTS_ALONE,
    NumberSigns,
    Read,
    as_ids,
    as_number,
    as_text,
    as_values,
    read_flags,
    with_points,
)
from recsys_tasks.sources.delivered import Delivered, odd_numbers
from recsys_tasks.sources.noticed.dates import DateLooks
from recsys_tasks.sources.noticed.numbers import NumberLooks
from recsys_tasks.sources.ratings import rated_events
from recsys_tasks.sources.statuses import events_by_status
from recsys_tasks.sources.times.columns import read_times
from recsys_tasks.sources.times.days_and_clocks import days_with_clocks
from recsys_tasks.sources.times.ends import read_ends
from recsys_tasks.sources.times.rule import end_times, event_times, launch_times
from recsys_tasks.sources.vectors import as_vectors

_Reader = Callable[[Any], Any]
_TYPES: Mapping[str, pa.DataType] = {
    "title": pa.string(),
    "available_from": pa.int64(),
    "available": pa.bool_(),
}
"""Types of the contract's columns that the settings may leave out; the others' are float64."""


@dataclass(frozen=True)
class Column:
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
    clock: str | None = None
    """Of times: a second delivered column, with the times of day of the first one's days."""


def event_columns(config: Config, cutoff: int | None) -> list[Column]:
    """Columns of the interactions; `cutoff`: the night's first second, which bounds the times."""
    table = config.events
    rule = event_times(config, cutoff)
    times = partial(read_times, rule=rule)
    columns = [
        Column("user_id", table.user_column, as_ids),
        Column("item_id", table.item_column, as_ids),
        Column("ts", table.timestamp_column, times, clock=table.time_of_day_column),
        Column("event", table.event_column, as_text),
        Column("price", table.price_column, as_number, True, (0, None)),
        Column("quantity", table.quantity_column, as_number, True, (0, None)),
    ]
    if table.status:
        columns.append(Column("status", table.status.column, as_text))
    if table.rating:
        bounds = (table.rating.minimum, table.rating.maximum)
        columns.append(Column("rating", table.rating.column, as_number, True, bounds))
    place = table.impressions.position_column if table.impressions else None
    if place is not None and config.source.of_impressions is None:
        columns.append(Column("position", place, as_number, True, (1, None)))
    return columns


def user_columns(config: Config) -> list[Column]:
    """Columns of the users table."""
    table = config.users
    return [Column("user_id", table.id_column, as_ids), *_attribute_columns(table.attributes)]


def item_columns(config: Config, cutoff: int | None) -> list[Column]:
    """Columns of the items table; `cutoff`: the night's first second, which bounds the times."""
    table = config.items
    further = tuple(a for a in table.attributes if a.name != "title")
    titled = "title" if len(further) < len(table.attributes) else None
    launches = partial(read_times, rule=launch_times(config, cutoff))
    return [
        Column("item_id", table.id_column, as_ids),
        Column("title", table.title_column or titled, as_text, optional=True),
        Column("available_from", table.available_from_column, launches),
        Column("available", table.available_column, read_flags),
        *_ends(config, cutoff),
        *_attribute_columns(further),
    ]


def _ends(config: Config, cutoff: int | None) -> list[Column]:
    column = config.items.available_until_column
    ends = partial(read_ends, rule=end_times(config, cutoff))
    return [] if column is None else [Column(schema.ITEM_END, column, ends)]


def wanted_columns(columns: Iterable[Column]) -> dict[str, bool]:
    """Delivered columns that are read, and whether an older part of the delivery may lack each."""
    wanted: dict[str, bool] = {}  # one column may be an id and an attribute, too
    for column in columns:
        if column.source is not None:
            wanted[column.source] = column.optional and wanted.get(column.source, True)
        if column.clock is not None:
            wanted[column.clock] = False
    return wanted


@dataclass(frozen=True)
class Contract:
    """Reads delivered tables; odd numbers are noted as they were delivered."""

    config: Config
    odd: Delivered
    looks: NumberLooks = field(default_factory=NumberLooks)
    dates: DateLooks = field(default_factory=DateLooks)

    def read(
        self,
        table: pa.Table,
        columns: Sequence[Column],
        suite: str,
        where: str,
        signs: NumberSigns = POINTS_ALONE,
    ) -> pa.Table:
        """The contract's columns of a delivered table; an undeclared event column means the first
        kind. Of local times, `ts_repeated` or `available_from_repeated` says which occur twice.

        `suite` is "events", "users" or "items", `where` names the part of the delivery for
        messages, `signs` are those of numbers that are text. Raises SchemaError for a column that
        cannot be read as what it is to be.
        """
        impressions, made = self.config.events.impressions, dict[str, Any]()
        for column in columns:
            made |= (
                self._absent(column, table.num_rows)
                if column.source is None
                else self._column(table, column, suite, where, signs)
            )
        if "status" in made and (status := self.config.events.status) is not None:
            states = made.pop("status")
            made["event"] = events_by_status(self.config.events, status, made["event"], states)
        if "rating" in made and (rating := self.config.events.rating) is not None:
            values = made.pop("rating")
            made["event"] = rated_events(self.config.events, rating, made["event"], values)
        if suite == "events" and impressions is not None and "event" in made:
            shown = pc.fill_null(pc.equal(made["event"], impressions.event), False)
            place = made.pop("position", 1.0)  # without a column, all places count alike
            made["quantity"] = pc.if_else(shown, place, made["quantity"])
        return pa.table(made)

    def _absent(self, column: Column, rows: int) -> dict[str, Any]:
        if column.name == "event":
            return {"event": pa.repeat(pa.scalar(self.config.events.kinds[0].name), rows)}
        made = {column.name: pa.nulls(rows, _TYPES.get(column.name, pa.float64()))}
        if column.name in ("available_from", "available"):
            made[f"{column.name}_fault"] = pa.nulls(rows, pa.string())
        return made

    def _column(
        self, table: pa.Table, column: Column, suite: str, where: str, signs: NumberSigns
    ) -> dict[str, Any]:
        is_number, delivered = column.range is not None, table[column.source]
        try:
            if column.clock is not None:
                clocks = table[column.clock]
                delivered = days_with_clocks(delivered, clocks, self.config.events)
            read = column.read(with_points(delivered, signs) if is_number else delivered)
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise SchemaError(
                expected=f"a column {column.source!r} that can be read as {column.name}",
                found=f"{delivered.type}: {str(error).splitlines()[0][:160]}",
                where=where,
                remedy=(
                    "write the column as plain text, numbers or times; lists of values are read"
                    " where the settings declare an attribute of kind multi"
                ),
            ) from error
        if column.range is not None and (odd := odd_numbers(read, *column.range)) is not None:
            self.odd.note(f"{suite}.{column.name}", delivered, odd)
        if is_number:
            plain = signs == POINTS_ALONE and not self.config.source.says_signs(suite)
            self.looks.look(f"{suite}.{column.name}", delivered, read, where, plain)
        if column.name == "ts":
            self.dates.look(read.values, where, self.config.events.timestamp_format)
        if isinstance(read, Read):
            made = {column.name: read.values, f"{column.name}_fault": read.faults}
            if read.repeated is not None:
                made[f"{column.name}_repeated"] = pa.array(read.repeated)
            return made
        return {column.name: read}


def _attribute_columns(attributes: Sequence[Attribute]) -> list[Column]:
    return [
        Column(
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
