"""Which table holds events, items and users, and which of their columns is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.commands.init.clocks import clock_of
from recsys_tasks.commands.init.columns import Column, columns_of
from recsys_tasks.commands.init.database_tables import DatabaseTable
from recsys_tasks.commands.init.names import fits
from recsys_tasks.commands.init.readings import Reading
from recsys_tasks.commands.init.tables import Table
from recsys_tasks.commands.init.unnamed import Looked, any_time, named_by_content, user_and_item
from recsys_tasks.commands.init.unused import unused_tables
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.columns import NumberSigns

_CALLED = 0.9
"""How well a name must fit for a column to be called by its role."""
_FEWEST_TIMES = 0.5
"""Share of the values of a column that is called a time which must be times."""
_FEWEST_KNOWN = 0.5
"""Share of the events' ids that a table must know to be the table of them."""


@dataclass(frozen=True)
class Entities:
    """The table of items or of users, and what it shares with the events."""

    table: Table
    columns: Mapping[str, Column]
    id_column: str
    known: float
    """Share of the events' different ids that it has."""


@dataclass(frozen=True)
class Events:
    """A table of events, and which of its columns is which."""

    table: Table
    columns: Mapping[str, Column]
    time: str
    reading: Reading
    user: str
    item: str
    score: tuple[float, int]
    """How well it fits."""
    by_names: bool = True
    """Whether names say which columns are the user and the item."""
    clock: str | None = None
    """The column of times of day, where that of times has days alone."""


@dataclass(frozen=True)
class Roles:
    """What each table and the columns that every shop has are for."""

    events: Table
    columns: Mapping[str, Column]
    """The events' columns."""
    time: str
    reading: Reading
    user: str
    item: str
    items: Entities | None
    users: Entities | None
    by_names: bool
    """Whether names say which columns are the user and the item."""
    unused: tuple[str, ...] = ()
    """Tables that have no role, and why."""
    clock: str | None = None
    """The column of times of day, whose days `time` names; that column then has both."""


def find_roles(tables: Sequence[Table], now: datetime) -> Roles:
    """The roles of a shop's tables. Raises ConfigError when events are not among them."""
    looked = [(table, _columns(table, now)) for table in tables]
    by_names = [found for pair in looked if (found := _as_events(*pair, now))]
    ranked = sorted(
        by_names or [found for pair in looked if (found := _by_content(*pair, looked, now))],
        key=lambda found: found.score,
    )
    if not ranked:
        what = "events: a table with a user, an item and a time in each row"
        raise _lacking(what + _unread_times(looked, now), looked)
    events = _with_clock(ranked[-1], now)
    others = [pair for pair in looked if pair[0] is not events.table]
    items = _nearest(others, events, "item")
    rest = [pair for pair in others if items is None or pair[0] is not items.table]
    users = _nearest(rest, events, "user")
    ids = {"item": events.columns[events.item], "user": events.columns[events.user]}
    used = [events.table, *(entities.table for entities in (items, users) if entities)]
    return _with_names(
        Roles(
            events.table,
            events.columns,
            events.time,
            events.reading,
            events.user,
            events.item,
            items,
            users,
            events.by_names,
            tuple(unused_tables(looked, used, [one.table for one in ranked], ids)),
            events.clock,
        )
    )


def _with_clock(events: Events, now: datetime) -> Events:
    """Events whose times are those of two columns, where one has days and another times of day."""
    found = clock_of(events.columns, events.time, events.reading, (events.user, events.item), now)
    if found is None:
        return events
    clock, whole, reading = found
    columns = {**events.columns, events.time: replace(events.columns[events.time], delivered=whole)}
    return replace(events, columns=columns, clock=clock, reading=reading)


def _columns(table: Table, now: datetime) -> Mapping[str, Column]:
    signs = NumberSigns(table.signs.decimal or ".", table.signs.thousands or "")
    columns = columns_of(table.rows, signs)
    return named_by_content(columns, now) if _is_unnamed(table) else columns


def _is_unnamed(table: Table) -> bool:
    """Whether no file of a table has a header."""
    return table.dialect.columns[:1] == ("column_1",)


def _with_names(roles: Roles) -> Roles:
    """The usual names for the columns of files without a header, by their roles."""
    events, items, users = roles, roles.items, roles.users
    if _is_unnamed(roles.events):
        usual = {roles.user: "user_id", roles.item: "item_id", roles.time: "timestamp"}
        events = replace(
            roles,
            columns=_renamed(roles.columns, usual),
            user="user_id",
            item="item_id",
            time="timestamp",
        )
    return replace(
        events,
        items=_with_id_name(items, "item_id") if items else None,
        users=_with_id_name(users, "user_id") if users else None,
    )


def _with_id_name(entities: Entities, name: str) -> Entities:
    if not _is_unnamed(entities.table):
        return entities
    columns = _renamed(entities.columns, {entities.id_column: name})
    return replace(entities, columns=columns, id_column=name)


def _renamed(columns: Mapping[str, Column], names: Mapping[str, str]) -> dict[str, Column]:
    new = [names.get(name, name) for name in columns]
    return {
        name: replace(column, name=name) for name, column in zip(new, columns.values(), strict=True)
    }


def _by_content(
    table: Table, columns: Mapping[str, Column], looked: Sequence[Looked], now: datetime
) -> Events | None:
    """A table as events by what its columns hold; None for one that cannot hold events."""
    time = _time_column(columns, now) or any_time(columns, now)
    if time is None:
        return None
    found = user_and_item(table, columns, time[0], looked)
    if found is None:
        return None
    user, item, score = found
    size = table.rows.num_rows
    score += fits(table.name, "events table")
    return Events(table, columns, time[0], time[1], user, item, (score, size), by_names=False)


def _as_events(table: Table, columns: Mapping[str, Column], now: datetime) -> Events | None:
    """A table as events by the names of its columns; None for one that cannot hold events."""
    time = _time_column(columns, now)
    if time is None:
        return None
    ids = {n: c for n, c in columns.items() if n != time[0] and not c.is_nested and c.distinct > 0}
    user = max(ids, key=lambda name: fits(name, "user"), default=None)
    rest = [name for name in ids if name != user and not ids[name].is_key]
    item = max(rest, key=lambda name: fits(name, "item"), default=None)
    if user is None or item is None or not fits(user, "user") or not fits(item, "item"):
        return None
    if ids[user].is_key and table.rows.num_rows > 1:  # a row a user is a table of users
        return None
    score = fits(user, "user") + fits(item, "item") + fits(table.name, "events table")
    return Events(table, columns, time[0], time[1], user, item, (score, table.rows.num_rows))


def _time_column(columns: Mapping[str, Column], now: datetime) -> tuple[str, Reading] | None:
    """The column that is called a time, or has the type, and how its values are times."""
    found = []
    for place, (name, column) in enumerate(columns.items()):
        named = fits(name, "time")
        if not named and not pa.types.is_temporal(column.delivered.type):
            continue
        reading = column.reading(now)
        if reading is not None:
            found.append((named, column.distinct, -place, name, reading))
    if found:
        return max(found)[3:]
    for name, column in columns.items():  # some are none: the night says which, and stops
        if fits(name, "time") >= _CALLED and (reading := column.reading(now, _FEWEST_TIMES)):
            return name, reading
    return None


def _unread_times(looked: Sequence[tuple[Table, Mapping[str, Column]]], now: datetime) -> str:
    """Words on columns that are called times and are not read as such."""
    for table, columns in looked:
        for name, column in columns.items():
            if fits(name, "time") >= _CALLED and column.sample and column.reading(now) is None:
                return (
                    f" that is a time in a known form or a number of one unit, not as {name!r} of"
                    f" {table.name}, which holds {column.sample[0][:40]!r}"
                )
    return ""


def _nearest(tables: Sequence[Looked], events: Events, role: str) -> Entities | None:
    """The table of the events' own schema that has their ids, else one of another: a database may
    hold several shops, whose ids are alike.
    """
    ids = events.columns[events.item if role == "item" else events.user]
    schema = _schema(events.table)
    near = [pair for pair in tables if _schema(pair[0]) == schema]
    far = [pair for pair in tables if _schema(pair[0]) != schema]
    return _entities(near, ids, role) or _entities(far, ids, role)


def _schema(table: Table) -> str:
    return table.name.rpartition(".")[0] if isinstance(table, DatabaseTable) else ""


def _entities(
    tables: Sequence[tuple[Table, Mapping[str, Column]]], ids: Column, role: str
) -> Entities | None:
    """The table whose key knows most of these ids; names decide between equals."""
    wanted = pc.unique(ids.text.drop_null())
    found: list[tuple[float, int, Entities]] = []
    for table, columns in tables:
        for name, column in columns.items():
            if column.is_nested or column.distinct < 0.95 * len(column.delivered):
                continue
            known = pc.mean(pc.is_in(wanted, value_set=pc.unique(column.text.drop_null()))).as_py()
            if known is None or known < _FEWEST_KNOWN:
                continue
            score = known + fits(name, role) + fits(table.name, f"{role}s table")
            found.append((score, len(found), Entities(table, columns, name, float(known))))
    return max(found, key=lambda entry: (entry[0], -entry[1]))[2] if found else None


def _lacking(what: str, looked: Sequence[tuple[Table, Mapping[str, Column]]]) -> ConfigError:
    seen = "; ".join(f"{table.name} with {', '.join(columns)}" for table, columns in looked)
    return ConfigError(
        expected=what,
        found=f"{len(looked)} table(s): {seen[:600]}",
        where="the tables that were looked at",
        remedy=(
            "add the table; or, where it is there under names that say nothing, copy"
            " include/examples/my-shop.yaml beside it and name its columns"
        ),
    )
