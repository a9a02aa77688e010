"""One day's clean rows by key: interactions, showings, negative events, a file each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.config import EventsTable
from recsys_tasks.lake import Artifact, Draft, Lake
from recsys_tasks.snapshot.kinds import EVENTS
from recsys_tasks.snapshot.table_hashes import table_hash

EVENTS_FILE = "events.parquet"
IMPRESSIONS_FILE = "impressions.parquet"  # where the shop logs showings
NEGATIVES_FILE = "negatives.parquet"  # where the shop has negative events
NEGATIVES_FACT = "negatives"  # rows of NEGATIVES_FILE


NEGATIVES = schema.Table(
    "negatives",
    "one row per negative event of a user with an item, sorted by user, time, item",
    pa.schema(
        [
            ("user_key", pa.int32()),
            ("item_key", pa.int32()),
            ("ts", pa.int64()),
            ("kind", pa.int8()),  # index into config.events.negatives
            ("units", pa.float32()),  # NaN when unknown
        ]
    ),
)


@dataclass(frozen=True)
class DayRows:
    """EVENTS rows of one day, its IMPRESSIONS and its NEGATIVES; None where the shop has none."""

    events: pa.Table
    impressions: pa.Table | None = None
    negatives: pa.Table | None = None


def day_rows(settings: EventsTable, keyed: pa.Table) -> DayRows:
    """The rows of `keyed_rows`, each in the table that it belongs to."""
    code, kinds, first = keyed["event"], len(settings.kinds), settings.first_negative
    if first == kinds and not settings.negatives:
        return DayRows(keyed)
    columns = ("user_key", "item_key", "ts")
    impressions = negatives = None
    if settings.impressions is not None:
        rows = keyed.filter(pc.equal(code, kinds))
        impressions = pa.table(
            {**{name: rows[name] for name in columns}, "position": rows["quantity"]},
            schema=schema.IMPRESSIONS.schema,
        )
    if settings.negatives:
        rows = keyed.filter(pc.greater_equal(code, first))
        kind = pc.cast(pc.subtract(pc.cast(rows["event"], pa.int32()), first), pa.int8())
        negatives = pa.table(
            {
                **{name: rows[name] for name in columns},
                "kind": kind,
                "units": pc.abs(rows["quantity"]),
            },
            schema=NEGATIVES.schema,
        )
    return DayRows(keyed.filter(pc.less(code, kinds)), impressions, negatives)


def source_of_day(settings: EventsTable, raw: Artifact, keyed: pa.Table) -> str:
    """Hash of what a day's rows are made from: its raw partition, the rows by key, and which of
    their codes are negative.
    """
    source = f"{raw.content}:{table_hash(keyed)}"
    if settings.negatives:
        source += f":{settings.first_negative}"
    return source


def write_events_day(lake: Lake, day: date, rows: DayRows, source: str) -> Artifact:
    """Store one day's rows by key; a no-op when the same rows are stored already.

    `source` is the content hash of what the rows were made from. Raises SchemaError.
    """
    table = schema.EVENTS.check(rows.events, f"events of {day}")

    def write(draft: Draft) -> None:
        pq.write_table(table, draft.path / EVENTS_FILE)
        if rows.impressions is not None:
            checked = schema.IMPRESSIONS.check(rows.impressions, f"impressions of {day}")
            pq.write_table(checked, draft.path / IMPRESSIONS_FILE)
        if rows.negatives is not None:
            checked = NEGATIVES.check(rows.negatives, f"negative events of {day}")
            pq.write_table(checked, draft.path / NEGATIVES_FILE)
            draft.facts = {NEGATIVES_FACT: checked.num_rows}
        draft.rows = table.num_rows

    return lake.make(EVENTS, day.isoformat(), inputs={"source": source}, write=write)
