"""Whole nights of random interactions: every delivered row is kept, set aside, a duplicate or of a
later day, and the rows that are kept are those that a slow reader keeps.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from hypothesis import strategies as st

from recsys_tasks.clock import start_of
from recsys_tasks.errors import NotEnoughData, SchemaError
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from tests.sources.fuzz.cells import IDS, NIGHT, SHORT_IDS, encodable, moment
from tests.sources.fuzz.deliveries import COLUMNAR, STYLES, parts
from tests.sources.fuzz.judge import opened, refusal, window
from tests.sources.fuzz.shapes import AS_OF, KINDS, TABLES, Delivery, Part, Stored, Style, TableName
from tests.sources.fuzz.slow_reader import Refused, Row, read_table

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
LENIENT: dict[str, Any] = {
    **{f"max_unknown_{name}_share": 1.0 for name in ("item", "user", "event")},
    **{f"max_{name}_share": 1.0 for name in ("null", "duplicate", "future", "bad_value")},
    "volume_ratio": (0.0, 1e12),
    "allow_empty_days": True,
    "real_ids": ("NULL", "null", "None", "nan", "N/A", "\\N", "-", "guest", "0", "-1", "true"),
}
"""No share of bad rows stops a night: each is to be found again among those set aside."""
_LARGEST, _LONGEST = 3.4e38, 256


def is_storable(one: str | None) -> bool:
    """What may be an id: not missing or blank, of at most 256 bytes, without a NUL."""
    return (
        one is not None and bool(one.strip()) and len(one.encode()) <= _LONGEST and "\0" not in one
    )


@st.composite
def nights(draw: st.DrawFn) -> Delivery:
    """Random interactions, most of them sound and some twice, and tables of users and items."""
    style = draw(STYLES.filter(lambda style: style.thousands != style.decimal))
    names: list[TableName] = ["items", "users"] if style.users_table else ["items"]
    lists = st.lists(IDS.filter(is_storable), min_size=4, max_size=20, unique_by=str.strip)
    ids = {table: draw(lists) for table in ("users", "items")}
    tables: dict[TableName, tuple[Part, ...]] = {
        table: (_entities(table, ids[table]),) for table in names
    }
    count = draw(st.integers(1, 2))
    made = []
    for number in range(count):
        part = draw(parts(style, "events", number == count - 1, most=14))
        part = draw(_mostly_sound(part, style, ids))
        again = draw(st.integers(0, min(3, part.rows)))
        columns = [replace(c, cells=c.cells + c.cells[:again]) for c in part.columns]
        made.append(replace(part, columns=tuple(columns), rows=part.rows + again))
    tables["events"] = tuple(made)
    return Delivery(style, tables, validation=LENIENT)


@st.composite
def _mostly_sound(draw: st.DrawFn, part: Part, style: Style, ids: Mapping[str, list[str]]) -> Part:
    """The part with most of its cells exchanged for sound ones, as text."""
    is_csv = part.form in ("csv", "tsv")
    encoding = style.encoding if is_csv else "utf-8"
    form = style.time_format or "%Y-%m-%dT%H:%M:%SZ"
    sound = {
        "Customer No.": st.sampled_from([encodable(one, encoding) for one in ids["users"]]),
        "item_id": st.sampled_from([encodable(one, encoding) for one in ids["items"]]),
        "when": st.integers(NIGHT - 3 * 86_400, NIGHT).map(lambda s: moment(s).strftime(form)),
        "kind": st.sampled_from(KINDS),
        "Preis": st.sampled_from([_price(style) if is_csv else "9.90", "3", ""]),
        "count": st.sampled_from(["1", "2", ""]),
    }
    columns = []
    for column in part.columns:
        kind = column.kind if part.form not in COLUMNAR else "string"
        cells = [
            cell if kind == column.kind and draw(st.integers(0, 15)) == 0 else draw(good)
            for good in [sound.get(column.name, st.just("x"))]
            for cell in column.cells
        ]
        columns.append(Stored(column.name, kind, tuple(cells)))
    return replace(part, columns=tuple(columns))


def _price(style: Style) -> str:
    return f"1{style.thousands}299{style.decimal}90"


def _entities(table: TableName, ids: Sequence[str]) -> Part:
    """A table with nothing but ids."""
    first, *others = TABLES[table]
    columns = [Stored(first.column, "string", tuple(ids))]
    columns += [Stored(one.column, "null", (None,) * len(ids)) for one in others]
    return Part("parquet", tuple(columns), len(ids))


def judge_night(delivery: Delivery, folder: Path) -> None:
    """Extract and freeze a night, and count what became of the rows."""
    events, items = read_table(delivery, "events"), read_table(delivery, "items")
    users = read_table(delivery, "users") if "users" in delivery.tables else events
    config, lake = delivery.config(folder), Lake(folder / "lake")
    reader = opened(delivery, folder)
    if isinstance(events, Refused) or isinstance(items, Refused) or isinstance(users, Refused):
        ask = lambda: extract(config, lake, reader, AS_OF, NOW)  # noqa: E731
        assert refusal(delivery, folder, ask) is not None
        return
    rows = window(events, None)
    if not any(row["ts"] is not None for row in rows):
        error = refusal(delivery, folder, lambda: extract(config, lake, reader, AS_OF, NOW))
        assert isinstance(error, NotEnoughData | SchemaError)
        return
    extracted = extract(config, lake, reader, AS_OF, NOW)
    later = [row for row in events if row["ts"] is not None and row["ts"] >= start_of(AS_OF)]
    assert (extracted.rows, extracted.later_rows) == (len(rows), len(later))
    assert sum(extracted.undated_why.values()) == sum(row["ts"] is None for row in rows)
    known = ({row["user_id"] for row in users}, {row["item_id"] for row in items})
    good = [row for row in rows if is_good(row, *known) and is_whole(row, rows, *known)]
    once = Counter(map(kept_key, good))
    if not good:
        error = refusal(delivery, folder, lambda: freeze(config, lake, AS_OF, NOW))
        assert isinstance(error, NotEnoughData)
        return
    frozen = freeze(config, lake, AS_OF, NOW)
    assert frozen.rows + frozen.duplicates + sum(frozen.waiting.values()) == len(rows)
    assert (frozen.rows, frozen.duplicates) == (len(once), len(good) - len(once))
    assert kept_rows(frozen.snapshot) == Counter(map(stored_key, once))


def is_good(row: Row, users: set[str | None], items: set[str | None]) -> bool:
    """Whether a row has a time, ids that are known and can be kept, a known kind, and numbers from
    0 that 4 bytes hold.
    """
    numbers = [row["price"], row["quantity"]]
    return (
        row["ts"] is not None
        and row["event"] in KINDS
        and (row["user_id"] in users and is_storable(row["user_id"]))
        and (row["item_id"] in items and is_storable(row["item_id"]))
        and all(n is None or (isinstance(n, float) and 0 <= n <= _LARGEST) for n in numbers)
    )


def is_whole(row: Row, rows: Sequence[Row], users: set[str | None], items: set[str | None]) -> bool:
    """Whether both ids have all of their digits: no exponent, and no `7.0` where `7` is one."""
    for name, known in (("user_id", users), ("item_id", items)):
        one, whole = row[name], re.sub(r"\.0+$", "", row[name])
        if one in SHORT_IDS:
            return False
        is_float = whole != one and re.fullmatch("-?[0-9]+", whole) is not None
        if is_float and (whole in known or any(other[name] == whole for other in rows)):
            return False
    return True


def kept_key(row: Row) -> tuple[Any, ...]:
    """A row as what is compared: exact duplicates are one."""
    return tuple(row[name] for name in ("user_id", "item_id", "ts", "event", "price", "quantity"))


def stored_key(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as a snapshot keeps it: numbers of 4 bytes."""
    *others, price, quantity = key
    return (*others, *(None if n is None else float(np.float32(n)) for n in (price, quantity)))


def kept_rows(snapshot: Snapshot) -> Counter[tuple[Any, ...]]:
    """Every row of a snapshot's files, its keys read as ids."""
    users, items = snapshot.users["user_id"].tolist(), snapshot.items["item_id"].tolist()
    found = Counter[tuple[Any, ...]]()
    for reference in snapshot.parts.values():
        path = snapshot.lake.get(reference).file("events.parquet")
        for row in pq.read_table(path).to_pylist():
            numbers = [None if math.isnan(row[n]) else row[n] for n in ("price", "quantity")]
            ids = users[row["user_key"]], items[row["item_key"]]
            found[(*ids, row["ts"], KINDS[row["event"]], *numbers)] += 1
    return found
