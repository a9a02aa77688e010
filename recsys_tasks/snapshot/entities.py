"""Users and items of a snapshot: a row for every key, from the snapshot before and tonight's
tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import start_of
from recsys_tasks.ids import IdMap, Keys
from recsys_tasks.snapshot.checks.storable import is_blank, is_usable
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.past_values import UNKNOWN

NEVER = start_of(date(9999, 1, 1))
ITEM_TIMES = "item_times.parquet"  # first_event, known_since and ENDS of every item key, seconds
ENDS = "until"
"""Column of ITEM_TIMES: the second from which the item can no longer be had, NEVER where none is
known; absent where older code made the snapshot.
"""

Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Entities:
    """Tables of a snapshot, row number = key.

    Keys run to the highest one that this night's tables or the snapshot before name. When an old
    night is rerun after later nights gave out keys, a key in between that belongs to the future is
    a row of nulls (an item: never available), listed in UNKNOWN.
    """

    users: pa.Table
    items: pa.Table
    item_times: pa.Table
    unknown: Mapping[str, list[int]]


def known_ids(base: Snapshot | None, entity: str, tonight: pa.Array) -> pa.Array:
    """Ids of the snapshot before and of tonight's table, each once; missing and blank ones left
    out.
    """
    ids = [tonight]
    if base is not None:
        table = pq.read_table(
            base.artifact.file(f"{entity}.parquet"), columns=[f"{entity[:-1]}_id"]
        )
        ids.append(table[0].filter(pa.array(_is_known(base, entity, table.num_rows))))
    names = pc.unique(pa.chunked_array([c for part in ids for c in _chunks(part)], pa.string()))
    return names.filter(pc.invert(is_blank(names)))


def build_entities(
    base: Snapshot | None,
    as_of: date,
    users: tuple[IdMap, pa.Table],
    items: tuple[IdMap, pa.Table],
    first_events: tuple[Keys, Seconds],
) -> Entities:
    """Merge tonight's raw tables into those of the snapshot before: a gone id keeps its last
    attributes.

    `first_events`: item keys `[m] int32` and the seconds `[m] int64` of their first event among
    tonight's clean rows.
    """
    user_table, unknown_users, _, _ = _merge(base, "users", *users)
    item_table, unknown_items, listed, tonight = _merge(base, "items", *items)
    n = item_table.num_rows
    ids = item_table["item_id"]
    times = _item_times(base, n, unknown_items, as_of, first_events)
    since = np.where(listed["available_from"].is_valid(), _launch(listed), times["known_since"])
    # what cannot be read as a launch or a flag is no launch and no "available": the item stays out
    # until it is mended
    since = np.where(_faulty(listed, "available_from"), NEVER, since)
    ends = _ends(base, n, listed, tonight)
    for_sale = pc.and_(
        pc.fill_null(listed["available"], True),
        pa.array(
            ~(_faulty(listed, "available") | _faulty(listed, schema.ITEM_END))
            & (ends > start_of(as_of))
        ),
    )
    columns = {
        "title": pc.coalesce(item_table["title"], ids),
        # a sold item exists, whatever the table says of its launch
        "available_from": pa.array(np.minimum(since, times["first_event"])),
        "available": pc.and_(for_sale, pa.array(tonight)),
    }
    for name, column in columns.items():
        item_table = item_table.set_column(item_table.column_names.index(name), name, column)
    return Entities(
        users=user_table,
        items=item_table,
        item_times=pa.table(
            {name: pa.array(values) for name, values in {**times, ENDS: ends}.items()}
        ),
        unknown={
            "users": np.flatnonzero(unknown_users).tolist(),
            "items": np.flatnonzero(unknown_items).tolist(),
        },
    )


def _merge(
    base: Snapshot | None, entity: str, ids: IdMap, raw: pa.Table
) -> tuple[pa.Table, npt.NDArray[np.bool_], pa.Table, npt.NDArray[np.bool_]]:
    """(merged table, unknown [n] bool, tonight's rows by key with nulls, in tonight's table [n]
    bool).
    """
    key, name = f"{entity[:-1]}_key", f"{entity[:-1]}_id"
    raw = _usable_alone(raw.filter(pc.invert(is_blank(raw[name]))))
    keys = ids.keys(raw[name].to_pylist())
    old = pq.read_table(base.artifact.file(f"{entity}.parquet")) if base is not None else None
    n_old = 0 if old is None else old.num_rows
    n = max(n_old, int(keys.max(initial=-1)) + 1)
    row = np.full(n, -1)
    row[keys] = np.arange(len(keys))
    tonight = row >= 0
    take_new = pa.array(row, mask=~tonight)
    take_old = pa.array(np.arange(n), mask=(np.arange(n) >= n_old) | tonight)
    listed = {c: raw[c].combine_chunks().take(take_new) for c in raw.column_names[1:]}
    names = [c for c in listed if c not in (*schema.ITEM_FAULTS, schema.ITEM_END)]
    kept = {
        c: (pa.nulls(n, raw[c].type) if old is None else old[c].combine_chunks().take(take_old))
        for c in names
    }
    merged = {c: pc.if_else(pa.array(tonight), listed[c], kept[c]) for c in names}
    identity = {
        key: pa.array(np.arange(n, dtype=np.int32)),
        name: pa.array(ids.ids[:n], pa.string()),
    }
    unknown = ~tonight
    if base is not None:
        unknown[:n_old] &= ~_is_known(base, entity, n_old)
    return pa.table({**identity, **merged}), unknown, pa.table(listed), tonight


def _launch(listed: pa.Table) -> Seconds:
    """Seconds of the declared launch, the year 9999 and later as NEVER."""
    seconds: Seconds = np.minimum(pc.fill_null(listed["available_from"], NEVER).to_numpy(), NEVER)
    return seconds


def _ends(
    base: Snapshot | None, n: int, listed: pa.Table, tonight: npt.NDArray[np.bool_]
) -> Seconds:
    """`[n] int64`: the declared ends; of items that tonight's table lacks, those of the night
    before.
    """
    ends = np.full(n, NEVER, np.int64)
    if schema.ITEM_END not in listed.column_names:
        return ends
    if base is not None:
        old = pq.read_table(base.artifact.file(ITEM_TIMES))
        if ENDS in old.column_names:
            ends[: old.num_rows] = old[ENDS].to_numpy()
    declared = np.minimum(pc.fill_null(listed[schema.ITEM_END], NEVER).to_numpy(), NEVER)
    return np.where(tonight, declared, ends)


def _faulty(listed: pa.Table, column: str) -> npt.NDArray[np.bool_]:
    """`[n]`: tonight's value cannot be read; tables that older code extracted do not say so."""
    name = f"{column}_fault"
    if name not in listed.column_names:
        return np.zeros(listed.num_rows, bool)
    return np.asarray(pc.is_valid(listed[name]).to_numpy(), bool)


def _usable_alone(raw: pa.Table) -> pa.Table:
    """Numbers and delivered vectors of no use are missing from here on."""
    for field in raw.schema:
        if pa.types.is_floating(field.type):
            usable = pc.if_else(
                pc.fill_null(is_usable(raw[field.name]), False), raw[field.name], None
            )
            raw = raw.set_column(raw.column_names.index(field.name), field.name, usable)
        if pa.types.is_struct(field.type):
            numbers = pc.struct_field(raw[field.name], "numbers")
            raw = raw.set_column(raw.column_names.index(field.name), field.name, numbers)
    return raw


def _item_times(
    base: Snapshot | None,
    n: int,
    unknown: npt.NDArray[np.bool_],
    as_of: date,
    first_events: tuple[Keys, Seconds],
) -> dict[str, Seconds]:
    """`[n] int64` each. An item that never sold exists from the first night that knew it: its
    cutoff.
    """
    first, since = np.full(n, NEVER, np.int64), np.full(n, start_of(as_of), np.int64)
    if base is not None:
        old = pq.read_table(base.artifact.file(ITEM_TIMES))
        first[: old.num_rows] = old["first_event"].to_numpy()
        since[: old.num_rows] = np.minimum(since[: old.num_rows], old["known_since"].to_numpy())
    since[unknown] = NEVER
    keys, seconds = first_events
    first[keys] = np.minimum(first[keys], seconds)
    return {"first_event": first, "known_since": since}


def _is_known(base: Snapshot, entity: str, n: int) -> npt.NDArray[np.bool_]:
    unknown: list[int] = json.loads(base.artifact.file(UNKNOWN).read_text())[entity]
    known = np.ones(n, bool)
    known[unknown] = False
    return known


def _chunks(column: Any) -> list[pa.Array]:
    return list(column.chunks) if isinstance(column, pa.ChunkedArray) else [column]
