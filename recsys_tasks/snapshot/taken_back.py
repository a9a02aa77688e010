"""Which events a later negative event of the same user and item took back.

Only what is known before a day counts: the negative events of the days that are read. Newer events
are taken back before older ones, so that a window of days alone tells what is left of its events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.arrays import Bool, Float64, Int8, Int64
from recsys_tasks.config import EventsTable
from recsys_tasks.kernels import kernel
from recsys_tasks.lake import Artifact
from recsys_tasks.snapshot.day_files import EVENTS_FILE, NEGATIVES_FILE

Rows: TypeAlias = Int64
"""Numbers of rows of a day's file, ascending."""
_ALL, _UNITS, _NEWEST = range(3)
_MODES = {"all": _ALL, "units": _UNITS, "newest": _NEWEST}
_SPAN = np.int64(1) << np.int64(32)
_A_BIT = 1e-6
"""Units that rounding may lose, as of thirds of a kilogram."""


class _Histories(NamedTuple):
    """Events and negative events of the same pairs: by pair, then by time, and of one second the
    negative ones last. `code`: an event's kind, or a negative event's. `units`: of the row.
    """

    pair: Int64
    negative: Bool
    code: Int8
    units: Float64


def taken_back(days: Sequence[Artifact], settings: EventsTable) -> list[Rows]:
    """Of each `events` artifact, in the order of time, the rows that were taken back."""
    nothing = [np.empty(0, np.int64) for _ in days]
    effective = [n for n, kind in enumerate(settings.negatives) if kind.takes_back != "nothing"]
    tables = [
        pq.read_table(day.file(NEGATIVES_FILE))
        for day in days
        if NEGATIVES_FILE in day.manifest["files"]
    ]
    if not tables or not effective:
        return nothing
    negatives = pa.concat_tables(tables)
    negatives = negatives.filter(np.isin(negatives["kind"].to_numpy(), effective))
    if not negatives.num_rows:
        return nothing
    pairs = np.unique(_pairs(negatives))
    found = [_events_of(day, pairs) for day in days]
    sizes = np.array([len(rows) for rows, _ in found])
    events = pa.concat_tables([table for _, table in found])
    gone = _gone(events, negatives, settings)
    parts = np.split(gone, np.cumsum(sizes)[:-1])
    return [rows[part] for (rows, _), part in zip(found, parts, strict=True)]


def without_rows(table: pa.Table, rows: Rows) -> pa.Table:
    """The table without these of its rows."""
    if not len(rows):
        return table
    kept = np.ones(table.num_rows, bool)
    kept[rows] = False
    return table.filter(pa.array(kept))


def _pairs(table: pa.Table) -> Int64:
    """User and item as one number, `[n] int64`."""
    user = table["user_key"].to_numpy().astype(np.int64)
    return np.asarray(user * _SPAN + table["item_key"].to_numpy())


def _events_of(day: Artifact, pairs: Int64) -> tuple[Rows, pa.Table]:
    """The day's rows of these pairs (sorted), by number, and what is to be known of them."""
    with pq.ParquetFile(day.file(EVENTS_FILE)) as file:
        codes = _pairs(file.read(["user_key", "item_key"]))
        place = np.minimum(np.searchsorted(pairs, codes), len(pairs) - 1)
        rows = np.flatnonzero(pairs[place] == codes)
        columns = ["user_key", "item_key", "ts", "event", "quantity"]
        return rows, file.read(columns).take(pa.array(rows))


def _gone(events: pa.Table, negatives: pa.Table, settings: EventsTable) -> Bool:
    """`[events]`: which of these events were taken back."""
    n = events.num_rows
    pair = np.concatenate([_pairs(events), _pairs(negatives)])
    ts = np.concatenate([events["ts"].to_numpy(), negatives["ts"].to_numpy()])
    negative = np.arange(len(pair)) >= n
    code = np.concatenate([events["event"].to_numpy(), negatives["kind"].to_numpy()])
    units = np.concatenate([events["quantity"].to_numpy(), negatives["units"].to_numpy()])
    counted = np.where(units > 0, units, 1.0).astype(np.float64)
    order = np.lexsort((negative, ts, pair))
    histories = _Histories(
        *(np.ascontiguousarray(column[order]) for column in (pair, negative, code, counted))
    )
    modes = np.array([_MODES.get(kind.takes_back, _ALL) for kind in settings.negatives], np.int8)
    gone = np.zeros(len(pair), bool)
    gone[order] = _take_back(histories, modes, _takes(settings))
    return np.asarray(gone[:n])


def _takes(settings: EventsTable) -> Bool:
    """`[negatives, kinds]`: which kinds of event each negative one takes back."""
    names = [kind.name for kind in settings.kinds]
    return np.array(
        [[kind.of is None or name in kind.of for name in names] for kind in settings.negatives]
    )


@kernel
def _take_back(histories: _Histories, modes: Int8, takes: npt.NDArray[np.bool_]) -> Bool:
    pair, negative, code, units = histories
    gone = np.zeros(len(pair), np.bool_)
    left = units.copy()
    for at in range(len(pair)):
        if not negative[at]:
            continue
        mode, due = modes[code[at]], units[at]
        for back in range(at - 1, -1, -1):
            if pair[back] != pair[at]:
                break
            if negative[back] or gone[back] or not takes[code[at], code[back]]:
                continue
            gone[back] = mode != _UNITS or left[back] <= due + _A_BIT
            if mode == _NEWEST:
                break
            if mode == _UNITS:
                taken = min(left[back], due)
                left[back] -= taken
                due -= taken
                if due <= _A_BIT:
                    break
    return gone
