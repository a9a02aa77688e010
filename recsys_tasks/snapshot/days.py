"""Read and store the delivered interactions: one raw partition for each UTC day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import DAY_SECONDS, day_of
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.snapshot.erased_users import ErasedUsers
from recsys_tasks.snapshot.table_hashes import table_hash
from recsys_tasks.snapshot.undated import assign_days, days_of
from recsys_tasks.sources.base import Reader

_COLUMNS = ("ts", "user_id", "item_id", "event", "price", "quantity")
_ORDER = [(name, "ascending") for name in _COLUMNS]


@dataclass(frozen=True)
class DaysRead:
    """The interactions that a night has read."""

    days: dict[date, Artifact]  # day → its raw_events artifact
    undated: pa.Table  # UNDATED rows: those without a time, with the day that each is kept in
    users: pa.Array  # the different user ids
    items: pa.Array  # the different item ids
    erased: int  # rows of erased users, left out

    @property
    def rows(self) -> int:
        """Rows read, those without a time included."""
        return sum(artifact.rows for artifact in self.days.values())


def read_days(
    lake: Lake,
    source: Reader,
    gone: ErasedUsers,
    first: date | None,
    as_of: date,
    added_to: Mapping[date, str],
) -> DaysRead:
    """Read the days in [first, as_of) and keep each; only a piece of them is in memory.

    `added_to`: raw partitions, by day, whose rows are kept beside those that are read. Raises
    SchemaError where the source gives other columns than the contract's.
    """
    days: dict[date, Artifact] = {}
    ids: dict[str, pa.Array] = {name: pa.array([], pa.string()) for name in ("user_id", "item_id")}
    undated: pa.Table | None = None
    with_time: dict[date, pa.Table] = {}
    erased = 0
    for piece in source.read_pieces(first, as_of):
        checked = schema.DELIVERED_EVENTS.check(piece, "events of the source")
        events, left_out = gone.without(checked)
        erased += left_out
        ids = {
            name: pc.unique(pa.chunked_array([known, *events[name].chunks], pa.string()))
            for name, known in ids.items()
        }
        missing = pc.is_null(events["ts"])
        if undated is None:  # all of them come with the first piece
            undated = assign_days(lake, _sorted(events.filter(missing)), as_of)
            with_time = days_of(undated)
        dated = events.filter(pc.invert(missing)) if events["ts"].null_count else events
        for day, rows in _by_day(_sorted(dated.select(schema.RAW_EVENTS.schema.names))):
            beside = with_time.pop(day, None)
            rows = rows if beside is None else pa.concat_tables([rows, beside])
            days[day] = write_day(lake, day, _added(lake, added_to.get(day), rows))
    if undated is None:
        undated = assign_days(lake, schema.DELIVERED_EVENTS.schema.empty_table(), as_of)
    for day, rows in with_time.items():
        days[day] = write_day(lake, day, _added(lake, added_to.get(day), rows))
    return DaysRead(days, undated, ids["user_id"].drop_null(), ids["item_id"].drop_null(), erased)


def write_day(lake: Lake, day: date, rows: pa.Table | None) -> Artifact:
    """Keep a day's RAW_EVENTS rows; None: the day has none."""
    table = schema.RAW_EVENTS.schema.empty_table() if rows is None else rows
    return write_table(lake, "raw_events", day, "events.parquet", table)


def write_table(
    lake: Lake, kind: str, day: date, name: str, table: pa.Table, **facts: str
) -> Artifact:
    """Store a table, or return the version that holds the very same rows, whatever code wrote
    it.
    """
    content = table_hash(table)
    for artifact in reversed(lake.versions(kind, day.isoformat())):
        if artifact.facts.get("content") == content:
            return artifact
    # Not `Lake.make`: new code that writes the same rows makes nothing new.
    with lake.writing(kind, day.isoformat(), inputs={"rows": content}) as draft:
        pq.write_table(table, draft.path / name)
        draft.rows, draft.facts = table.num_rows, {"content": content, **facts}
    return draft.finished


def _sorted(table: pa.Table) -> pa.Table:
    """The rows in a fixed order, so that the same rows have the same content hash."""
    return table.combine_chunks().sort_by(_ORDER)


def _added(lake: Lake, reference: str | None, rows: pa.Table) -> pa.Table:
    """The union of a partition's rows and the new ones. A row that both have is kept as often as in
    that of the two which has it more often, so that a row that is delivered twice counts once.
    """
    if reference is None:
        return rows
    kept = pq.read_table(lake.get(reference).file("events.parquet"))
    both = pa.concat_tables([kept, rows])
    numbered = both.to_pandas(types_mapper=pd.ArrowDtype)
    numbered["delivery"] = np.repeat([0, 1], [len(kept), len(rows)])
    names = list(both.column_names)
    numbered["nth"] = numbered.groupby([*names, "delivery"], dropna=False).cumcount()
    new = ~numbered.duplicated([*names, "nth"]).to_numpy()
    return _sorted(both.filter(pa.array(new)))


def _by_day(dated: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    """Rows by UTC day, of rows sorted by time."""
    days = dated["ts"].to_numpy() // DAY_SECONDS
    changes = np.concatenate([np.ones(min(len(days), 1), bool), days[1:] != days[:-1]])
    starts = np.flatnonzero(changes).tolist()
    for start, end in zip(starts, [*starts[1:], len(days)], strict=False):
        yield day_of(int(days[start]) * DAY_SECONDS), dated.slice(start, end - start)
