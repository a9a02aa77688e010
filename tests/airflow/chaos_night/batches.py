"""Bad deliveries of a day, each wrong in one way, and the alert that each is to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Change = Callable[[pa.Table], pa.Table]


def _with(table: pa.Table, name: str, values: object) -> pa.Table:
    place = table.schema.get_field_index(name)
    column = pa.array(values, table.schema.field(name).type)
    return table.set_column(place, name, column)


def _some(table: pa.Table, name: str, value: object, share: float) -> pa.Table:
    """The first rows of a column replaced."""
    n = int(table.num_rows * share)
    return _with(table, name, [value] * n + table[name].to_pylist()[n:])


def _later(table: pa.Table) -> pa.Table:
    times = table["timestamp"].to_pylist()
    return _with(table, "timestamp", [t + 400 * 86_400 for t in times])


def _bot(table: pa.Table) -> pa.Table:
    one = table.take(np.zeros(9 * table.num_rows, np.int64))
    spread = [t + k for k, t in enumerate(one["timestamp"].to_pylist())]
    return pa.concat_tables([table, _with(one, "timestamp", spread)])


EVENTS: Mapping[str, Change] = {
    "unknown kinds of event": lambda t: _some(t, "event", "VIEWED", 0.5),
    "unknown items": lambda t: _some(t, "item_id", "lost-1", 0.5),
    "unknown users": lambda t: _some(t, "user_id", "nobody", 0.5),
    "rows without a user": lambda t: _some(t, "user_id", None, 0.3),
    "rows without an item": lambda t: _some(t, "item_id", None, 0.3),
    "times a year ahead": _later,
    "every row three times": lambda t: pa.concat_tables([t, t, t]),
    "a column that is gone": lambda t: t.drop_columns(["item_id"]),
    "nine rows of ten lost": lambda t: t.slice(0, t.num_rows // 10),
    "no rows": lambda t: t.slice(0, 0),
    "one user has nine of ten rows": _bot,
    "negative prices": lambda t: _some(t, "price", -5.0, 0.5),
}
TABLES: Mapping[str, tuple[str, Change]] = {
    "items twice": ("items.parquet", lambda t: pa.concat_tables([t, t])),
    "three items of four lost": ("items.parquet", lambda t: t.slice(0, t.num_rows // 4)),
    "three users of four lost": ("users.parquet", lambda t: t.slice(0, t.num_rows // 4)),
}


def spoil(path: Path, change: Change) -> bytes:
    """Deliver the changed table in place of a file; returns what was there."""
    good = path.read_bytes()
    draft = path.with_name(f".{path.name}")
    pq.write_table(change(pq.read_table(path)), draft)
    draft.rename(path)
    return good


def cut(path: Path) -> bytes:
    """Leave half of a file."""
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    return good


def scribble(path: Path) -> bytes:
    """A page of words in place of a file."""
    good = path.read_bytes()
    path.write_bytes(b"<html>504 Gateway Time-out</html>\n" * 20)
    return good
