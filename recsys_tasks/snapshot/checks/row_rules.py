"""What makes a delivered row bad, for every row at once; and the clean, keyed rows of what is
left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks import schema
from recsys_tasks.config import Config
from recsys_tasks.ids import IdMap, Keys
from recsys_tasks.snapshot.checks.negative_rows import NEGATIVE, event_codes, negative_rows
from recsys_tasks.snapshot.checks.rated_rows import LEFT_OUT, rating_flags
from recsys_tasks.snapshot.checks.short_id_rows import SHORTENED, shortened_rows
from recsys_tasks.snapshot.checks.storable import has_nul, is_blank, is_overlong, is_usable

Flags = npt.NDArray[np.bool_]

REASONS = (
    "missing_user",
    "missing_item",
    "missing_time",
    "overlong_id",
    "unstorable",
    SHORTENED,
    "unknown_event",
    "unknown_user",
    "unknown_item",
    "bad_price",
    "bad_quantity",
    "bad_position",
    "bad_rating",
)
"""Why a row is set aside; a row with several faults carries the first."""

QUARANTINE = schema.Table(
    "quarantine",
    "one row per interaction that was set aside, with the day it belongs to and why",
    pa.schema(
        [
            *schema.RAW_EVENTS.schema,
            ("day", pa.string()),
            ("reason", pa.string()),
            ("since", pa.string()),
        ]
    ),
)


@dataclass(frozen=True)
class Known:
    """Ids that a row may name: those of tonight's tables and of the snapshot before."""

    users: pa.Array
    items: pa.Array


def flag_rows(config: Config, events: pa.Table, known: Known) -> dict[str, Flags]:
    """`[n] bool` for each of REASONS, `repeated` for the second and later of exact duplicates that
    have a time (without one, alike rows may well be of different times) and stand for no unit;
    NEGATIVE for negative events and LEFT_OUT for ratings below the lowest level, where the shop has
    them.

    `events` are RAW_EVENTS rows in the order of a raw partition, so that duplicates are neighbours.
    """
    user, item = events["user_id"], events["item_id"]
    no_user, no_item, dated = _absent(user), _absent(item), _flags(pc.is_valid(events["ts"]))
    declared, shown = config.events.known, _shown(config, events)
    units, negative = events["quantity"], negative_rows(config.events, events)
    if negative is not None:
        units = pc.if_else(pa.array(negative), pc.abs(units), units)
    rated = rating_flags(config.events, events)
    short = [
        shortened_rows(config, ids, of) for ids, of in ((user, known.users), (item, known.items))
    ]
    flags = {
        "missing_user": no_user,
        "missing_item": no_item,
        "missing_time": ~dated,
        "overlong_id": _flags(is_overlong(user)) | _flags(is_overlong(item)),
        "unstorable": _flags(has_nul(user)) | _flags(has_nul(item)),
        SHORTENED: short[0] | short[1],
        "unknown_event": ~_flags(pc.is_in(events["event"], value_set=pa.array(declared)))
        & ~rated.of_no_kind,
        "unknown_user": ~_flags(pc.is_in(user, value_set=known.users)) & ~(no_user | short[0]),
        "unknown_item": ~_flags(pc.is_in(item, value_set=known.items)) & ~(no_item | short[1]),
        "bad_price": bad_number(events["price"]),
        "bad_quantity": bad_number(units) & ~shown,
        "bad_position": bad_position(events["quantity"]) & shown,
        "bad_rating": rated.bad,
        "repeated": repeated_rows(events) & dated & ~_units(config, shown),
    }
    further = {NEGATIVE: negative, LEFT_OUT: rated.left_out}
    return flags | {name: found for name, found in further.items() if found is not None}


def bad_number(column: pa.ChunkedArray) -> Flags:
    """`[n] bool`: negative, too large to keep, infinite or NaN; a missing value is not bad."""
    fine = pc.and_(is_usable(column), pc.greater_equal(column, 0.0))
    return ~_flags(pc.fill_null(fine, True))


def bad_position(column: pa.ChunkedArray) -> Flags:
    """`[n] bool`: unreadable, or below 1; a missing one is not bad, and counts as no impression."""
    return ~_flags(pc.fill_null(pc.and_(is_usable(column), pc.greater_equal(column, 1.0)), True))


def _units(config: Config, shown: Flags) -> Flags:
    """Rows that count however often they are there; `shown [n]`: those that are showings."""
    return ~shown if config.events.repeated_rows == "units" else np.zeros(len(shown), bool)


def _shown(config: Config, events: pa.Table) -> Flags:
    """Rows that are showings: what they hold as a quantity is a place."""
    if config.events.impressions is None:
        return np.zeros(events.num_rows, bool)
    return _flags(pc.fill_null(pc.equal(events["event"], config.events.impressions.event), False))


def repeated_rows(table: pa.Table) -> Flags:
    """`[n] bool`: the row equals the row before it in every column."""
    n = table.num_rows
    same = np.ones(max(n - 1, 0), bool)
    for column in table.columns:
        here, before = column.slice(1), column.slice(0, max(n - 1, 0))
        equal = _flags(pc.fill_null(pc.equal(here, before), False))
        both_null = _flags(pc.is_null(here, nan_is_null=True)) & _flags(
            pc.is_null(before, nan_is_null=True)
        )
        same &= equal | both_null
    return np.concatenate([np.zeros(min(n, 1), bool), same])


def first_reason(flags: Mapping[str, Flags]) -> npt.NDArray[np.int8]:
    """`[n] int8`: index into REASONS of the first fault, -1 for a good row."""
    found = np.full(len(flags["repeated"]), -1, np.int8)
    for code, name in reversed(list(enumerate(REASONS))):
        found[flags[name]] = code
    return found


def keyed_rows(config: Config, events: pa.Table, users: IdMap, items: IdMap) -> pa.Table:
    """EVENTS rows of good RAW_EVENTS rows, sorted by user, time, item; showings and negative events
    among them (`day_rows`).
    """
    table = pa.table(
        {
            "user_key": _keys(events["user_id"], users),
            "item_key": _keys(events["item_id"], items),
            "ts": events["ts"],
            "event": pc.cast(event_codes(config.events, events), pa.int8()),
            "price": pc.cast(pc.fill_null(events["price"], np.nan), pa.float32()),
            "quantity": pc.cast(pc.fill_null(events["quantity"], np.nan), pa.float32()),
        },
        schema=schema.EVENTS.schema,
    )
    return table.sort_by(
        [
            (name, "ascending")
            for name in ("user_key", "ts", "item_key", "event", "price", "quantity")
        ]
    )


def set_aside(events: pa.Table, reasons: npt.NDArray[np.int8], day: str, since: str) -> pa.Table:
    """QUARANTINE rows of the rows that have a reason, `reasons [n] int8`, -1 for none."""
    bad = np.flatnonzero(reasons >= 0)
    rows = events.take(pa.array(bad))
    words = pa.array([REASONS[code] for code in reasons[bad]], pa.string())
    day_column, since_column = (pa.repeat(pa.scalar(text), len(bad)) for text in (day, since))
    return pa.table([*rows.columns, day_column, words, since_column], schema=QUARANTINE.schema)


def _keys(column: pa.ChunkedArray, ids: IdMap) -> pa.Array:
    coded = column.combine_chunks().dictionary_encode()
    of_code: Keys = ids.keys(coded.dictionary.to_pylist())
    return pa.array(of_code[coded.indices.to_numpy()] if len(of_code) else np.zeros(0, np.int32))


def _absent(column: pa.ChunkedArray) -> Flags:
    return _flags(is_blank(column))


def _flags(column: Any) -> Flags:
    flags: Flags = np.asarray(column.to_numpy(), bool)
    return flags
