"""Which table holds events, items and users, and which of their columns is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.commands.init.columns import Column, columns_of
from recsys_tasks.commands.init.names import fits
from recsys_tasks.commands.init.tables import Table
from recsys_tasks.config.base import TimeUnit
from recsys_tasks.errors import ConfigError

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
class Roles:
    """What each table and the columns that every shop has are for."""

    events: Table
    columns: Mapping[str, Column]
    """The events' columns."""
    time: str
    unit: TimeUnit
    user: str
    item: str
    items: Entities
    users: Entities | None


def find_roles(tables: Sequence[Table], now: datetime) -> Roles:
    """The roles of a shop's tables. Raises ConfigError when events or items are not among them."""
    looked = [(table, columns_of(table.rows)) for table in tables]
    ranked = sorted(
        (found for table, columns in looked if (found := _as_events(table, columns, now))),
        key=lambda found: found[0],
    )
    if not ranked:
        what = "events: a table with a user, an item and a time in each row"
        raise _lacking(what + _unread_times(looked, now), looked)
    _, events, columns, (time, unit), (user, item) = ranked[-1]
    others = [pair for pair in looked if pair[0] is not events]
    items = _entities(others, columns[item], "item")
    if items is None:
        what = f"items: a table with a row for each item, whose ids are those of {item!r}"
        raise _lacking(f"{what} in {events.name}", looked)
    rest = [pair for pair in others if pair[0] is not items.table]
    users = _entities(rest, columns[user], "user")
    return Roles(events, columns, time, unit, user, item, items, users)


_AsEvents = tuple[
    tuple[float, int], Table, Mapping[str, Column], tuple[str, TimeUnit], tuple[str, str]
]


def _as_events(table: Table, columns: Mapping[str, Column], now: datetime) -> _AsEvents | None:
    """(how well it fits, the table, its columns, the time and its unit, user and item); None for a
    table that cannot hold events.
    """
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
    return (score, table.rows.num_rows), table, columns, time, (user, item)


def _time_column(columns: Mapping[str, Column], now: datetime) -> tuple[str, TimeUnit] | None:
    found = []
    for place, (name, column) in enumerate(columns.items()):
        named = fits(name, "time")
        if not named and not pa.types.is_temporal(column.delivered.type):
            continue
        unit = column.time_unit(now)
        if unit is not None:
            found.append((named, column.distinct, -place, name, unit))
    return max(found)[3:] if found else None


def _unread_times(looked: Sequence[tuple[Table, Mapping[str, Column]]], now: datetime) -> str:
    """Words on columns that are called times and are not read as such."""
    for table, columns in looked:
        for name, column in columns.items():
            if fits(name, "time") >= 0.9 and column.sample and column.time_unit(now) is None:
                return (
                    f" that is ISO 8601 or a number of one unit, not as {name!r} of {table.name},"
                    f" which holds {column.sample[0][:40]!r}"
                )
    return ""


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
