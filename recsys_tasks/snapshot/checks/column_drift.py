"""Whether the declared columns of users and items still look as they did last night.

Of each column three figures: the population stability index (PSI), the share of rows whose value
no row had before, and by how much the share of rows without a value has risen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Attribute, Config
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.checks.last_night import accepted_snapshot, table_before
from recsys_tasks.snapshot.checks.stability import psi, score_psi
from recsys_tasks.snapshot.checks.storable import is_usable
from recsys_tasks.sources.base import has_users_table

MIN_ROWS = 200
"""Of a table with fewer rows, a few changes are a large share."""
_VALUES = 50
"""Most frequent values that the index tells apart; all others are one."""


@dataclass(frozen=True)
class ColumnDrift:
    """How a column has changed since the last accepted night."""

    column: str
    """Such as `items.brand`."""
    psi: float
    """NaN where the kind of column has none, or there are no values to compare."""
    new_values: float
    """Share of the rows with a value whose value is new; NaN where values are not compared."""
    missing_before: float
    missing_now: float
    """Shares of all rows."""

    @property
    def missing_rise(self) -> float:
        """By how much the share of rows without a value rose; 0 where it fell."""
        return max(self.missing_now - self.missing_before, 0.0)


FIGURES: Mapping[str, Callable[[ColumnDrift], float]] = {
    "column_drift": lambda one: one.psi,
    "new_values": lambda one: one.new_values,
    "missing_rise": lambda one: one.missing_rise,
}
"""Check of the night → the figure of a column that it bounds."""


@dataclass(frozen=True)
class Drifts:
    """The columns that could be compared."""

    columns: tuple[ColumnDrift, ...] = field(default=())

    def worst(self, check: str) -> float:
        """The largest figure of a check of FIGURES; NaN where none was compared."""
        values = [value for one in self.columns if (value := FIGURES[check](one)) == value]
        return max(values, default=float("nan"))

    def words(self, check: str, bound: float) -> str:
        """The columns above the bound, the worst first, at most five; empty for none."""
        figure = FIGURES[check]
        above = [one for one in self.columns if figure(one) > bound]
        above.sort(key=lambda one: -figure(one))
        told = "; ".join(_words(one, check) for one in above[:5])
        return told + (f"; and {len(above) - 5} more columns" if len(above) > 5 else "")


def find_drift(config: Config, lake: Lake, as_of: date, users: pa.Table, items: pa.Table) -> Drifts:
    """Each declared column of tonight's tables against those of the last accepted night."""
    base = accepted_snapshot(lake, as_of)
    if base is None:
        return Drifts()
    tables = {"items": (items, config.items.attributes)}
    if has_users_table(config):
        tables["users"] = (users, config.users.attributes)
    found: list[ColumnDrift] = []
    for name, (now, attributes) in sorted(tables.items()):
        columns = [attribute.name for attribute in attributes]
        before = table_before(lake, base, name, columns)
        if before is not None and min(before.num_rows, now.num_rows) >= MIN_ROWS:
            found += _columns(name, before, now, attributes)
    return Drifts(tuple(found))


def _columns(
    table: str, before: pa.Table, now: pa.Table, attributes: tuple[Attribute, ...]
) -> Iterator[ColumnDrift]:
    for attribute in attributes:
        name = attribute.name
        same = name in before.column_names and (
            before.schema.field(name).type == now.schema.field(name).type
        )
        if same:
            yield _drift(f"{table}.{name}", attribute, before[name], now[name])


def _drift(
    label: str, attribute: Attribute, before: pa.ChunkedArray, now: pa.ChunkedArray
) -> ColumnDrift:
    if attribute.kind == "vector":
        before, now = (pc.struct_field(column, "numbers") for column in (before, now))
    missing = [column.null_count / len(column) for column in (before, now)]
    before, now = before.drop_null(), now.drop_null()
    index = new = float("nan")
    if attribute.kind == "numeric":
        usable = (column.filter(pc.fill_null(is_usable(column), False)) for column in (before, now))
        index = score_psi(*(column.to_numpy() for column in usable))
    elif attribute.kind in ("categorical", "multi"):
        separator = attribute.separator if attribute.kind == "multi" else None
        index, new = _values(_split(before, separator), _split(now, separator))
    return ColumnDrift(label, index, new, *missing)


def _split(column: pa.ChunkedArray, separator: str | None) -> pa.ChunkedArray:
    """Each value of a column of several values."""
    return column if separator is None else pc.list_flatten(pc.split_pattern(column, separator))


def _values(before: pa.ChunkedArray, now: pa.ChunkedArray) -> tuple[float, float]:
    """(PSI of the most frequent values, share of values that are new)."""
    if not len(before) or not len(now):
        return float("nan"), float("nan")
    old, new = _counts(before), _counts(now)
    unknown = sum(count for value, count in new.items() if value not in old)
    frequent = sorted(old, key=lambda value: (-old[value], value))[:_VALUES]
    mixes = []
    for counts in (old, new):
        of_each = [counts.get(value, 0) for value in frequent]
        mixes.append(np.array([*of_each, sum(counts.values()) - sum(of_each)], float))
    return psi(*mixes), unknown / len(now)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(column)
    values, counts = counted.field("values").to_pylist(), counted.field("counts")
    return dict(zip(values, np.asarray(counts).tolist(), strict=True))


def _words(one: ColumnDrift, check: str) -> str:
    if check == "column_drift":
        return f"{one.column}: PSI {one.psi:.2f}"
    if check == "new_values":
        return f"{one.column}: {one.new_values:.1%} of the values are new"
    shares = f"{one.missing_now:.1%} of the rows, {one.missing_before:.1%} before"
    return f"{one.column}: missing in {shares}"
