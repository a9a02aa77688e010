"""Tables whose columns have names that say nothing, or none: what each is by what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import permutations

import numpy as np
import pyarrow.compute as pc

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.names import fits, takes_back, weight_of
from recsys_tasks.commands.init.readings import Reading
from recsys_tasks.commands.init.tables import Table

Looked = tuple[Table, Mapping[str, Column]]
_MOST_IDS = 6
_MOST_KINDS = 20
_STARS = 10
_FEWEST_KNOWN = 0.5
"""Share of ids that a table must know to be the table of them."""


def named_by_content(columns: Mapping[str, Column], now: datetime) -> dict[str, Column]:
    """The columns of a table without a header, in order, under names by what they hold; those of
    ids keep theirs.
    """
    named: dict[str, Column] = {}
    timed = any(column.reading(now) for column in columns.values())
    for name, column in columns.items():
        wanted = _name_by_content(column, now, timed) or name
        free, number = wanted, 2
        while free in named:
            free, number = f"{wanted}_{number}", number + 1
        named[free] = replace(column, name=free)
    return named


def _name_by_content(column: Column, now: datetime, timed: bool) -> str | None:
    if column.reading(now) is not None:
        return "timestamp"
    if column.is_nested or not column.distinct:
        return None
    if _are_kinds(column):
        return "event"
    if column.is_numeric and timed:
        return _amount(column)
    if not column.is_numeric and column.words >= 2 and column.separator is None:
        return "title" if not timed else None
    return None


def _amount(column: Column) -> str | None:
    """What a number of an interaction is; None where it may be an id."""
    known = column.numbers[np.isfinite(column.numbers)]
    low, high = float(known.min()), float(known.max())
    if not column.is_whole:
        return "rating" if low > 0 and high <= _STARS and column.distinct <= 2 * _STARS else "price"
    ones = float((known == 1).mean())
    if low >= 1 and high <= 1_000 and ones > 0.5:
        return "quantity"
    return "rating" if low > 0 and high <= _STARS and ones < 0.5 else None


def _are_kinds(column: Column) -> bool:
    """Whether every value says by its name what kind of event it is."""
    few = 0 < column.distinct <= _MOST_KINDS and not column.is_numeric
    return few and all(weight_of(kind) or takes_back(kind) for kind in column.counts)


def any_time(columns: Mapping[str, Column], now: datetime) -> tuple[str, Reading] | None:
    """The column of times with most different values, and how it is read."""
    found = [
        (column.distinct, -place, name, reading)
        for place, (name, column) in enumerate(columns.items())
        if (reading := column.reading(now)) is not None
    ]
    return max(found)[2:] if found else None


def user_and_item(
    table: Table, columns: Mapping[str, Column], time: str, looked: Sequence[Looked]
) -> tuple[str, str, float] | None:
    """(user, item, how well they fit): the two columns of ids that names, the tables that know
    them, and their order make the user and the item; None where there are not two.
    """
    ids = [name for name, column in columns.items() if name != time and _may_be_ids(column)]
    others = [pair for pair in looked if pair[0] is not table]
    fitting = {
        (name, role): 3 * fits(name, role) + _told_by_tables(columns[name], others, role)
        for name in ids[:_MOST_IDS]
        for role in ("user", "item")
    }
    found = [
        (fitting[user, "user"] + fitting[item, "item"], ids.index(user) < ids.index(item), *pair)
        for pair in permutations(ids[:_MOST_IDS], 2)
        for user, item in [pair]
    ]
    if not found:
        return None
    score, _, user, item = max(found, key=lambda entry: (*entry[:2], -ids.index(entry[2])))
    return user, item, score


def _may_be_ids(column: Column) -> bool:
    if column.is_nested or not column.distinct or (column.is_key and len(column.delivered) > 1):
        return False
    if column.is_numeric and not column.is_whole:
        return False
    return column.words < 2 and not _are_kinds(column) and not fits(column.name, "quantity")


def _told_by_tables(ids: Column, tables: Sequence[Looked], role: str) -> float:
    """How well the tables that know these ids say that they are users or items."""
    return max((_told(table, columns, role) for table, columns in _knowing(ids, tables)), default=0)


def _knowing(ids: Column, tables: Sequence[Looked]) -> Iterator[Looked]:
    wanted = pc.unique(ids.text.drop_null())
    for table, columns in tables:
        for column in columns.values():
            if column.is_nested or column.distinct < 0.95 * len(column.delivered):
                continue
            known = pc.mean(pc.is_in(wanted, value_set=pc.unique(column.text.drop_null())))
            if (known.as_py() or 0.0) >= _FEWEST_KNOWN:
                yield table, columns
                break


def _told(table: Table, columns: Mapping[str, Column], role: str) -> float:
    other = "item" if role == "user" else "user"
    said = {r: fits(table.name, f"{r}s table") for r in (role, other)}
    said["item"] += 0.5 * any(c.words >= 2 or fits(n, "title") > 0.5 for n, c in columns.items())
    return 0.25 + said[role] - said[other]
