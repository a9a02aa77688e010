"""Rows without a readable time: why they have none, the day that each is kept with, and what a
message says of them.
"""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import parse_day, start_of
from recsys_tasks.config import Config
from recsys_tasks.errors import SchemaError
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.sources.times.columns import count_faults
from recsys_tasks.sources.times.rule import event_times
from recsys_tasks.sources.times.words import no_times as not_one_time
from recsys_tasks.sources.times.words import quoted_faults

FILE = "undated.parquet"
UNDATED = schema.DELIVERED_EVENTS.schema.append(pa.field("day", pa.string()))


def undated_counts(config: Config, undated: pa.Table, as_of: date) -> dict[str, int]:
    """Rows by why they have no time: missing, unreadable, too_early, too_late, skipped (by
    local clocks); those without any are left out.
    """
    faults = undated["ts_fault"].drop_null()
    missing = undated.num_rows - len(faults)
    counts = {"missing": missing} if missing else {}
    return counts | count_faults(faults, event_times(config, start_of(as_of)))


def undated_words(config: Config, undated: pa.Table, as_of: date) -> tuple[str, ...]:
    """Texts that were delivered in place of a time, with what they look like."""
    return quoted_faults(undated["ts_fault"], event_times(config, start_of(as_of)))


def no_times(config: Config, undated: pa.Table, as_of: date) -> SchemaError:
    """What a night raises when no row has a time."""
    return not_one_time(config, undated["ts_fault"], event_times(config, start_of(as_of)))


def read_undated(extracted: Artifact) -> pa.Table:
    """UNDATED rows of an extract; one that older code made does not know what was delivered."""
    table = pq.read_table(extracted.file(FILE))
    if "ts_fault" not in table.column_names:
        table = table.append_column("ts_fault", pa.nulls(table.num_rows, pa.string()))
    return table.select(UNDATED.names)


def assign_days(lake: Lake, rows: pa.Table, as_of: date) -> pa.Table:
    """UNDATED rows: each stays with the day it was first kept in; a new one goes to the newest day.

    A source that is one file delivers such a row every night: moving it along would change two days
    each night and count it as news again.
    """
    newest = (as_of - timedelta(days=1)).isoformat()
    days = pa.repeat(pa.scalar(newest), rows.num_rows)
    keys = lake.keys("extract") if rows.num_rows else []
    if keys:
        seen = read_undated(lake.require("extract", keys[-1]))
        before = _identities(seen).assign(day=seen["day"].to_pylist())
        found = _identities(rows).merge(before, how="left", on=["row", "nth"])["day"]
        days = pa.array(found.where(found.notna(), newest).tolist(), pa.string())
    table = rows.append_column("day", days).cast(UNDATED)
    return table.filter(pc.less_equal(table["day"], newest))


def days_of(undated: pa.Table) -> dict[date, pa.Table]:
    """RAW_EVENTS rows by the day that each is kept with."""
    names = schema.RAW_EVENTS.schema.names
    return {
        parse_day(text): undated.filter(pc.equal(undated["day"], text)).select(names)
        for text in pc.unique(undated["day"]).to_pylist()
    }


def _identities(rows: pa.Table) -> pd.DataFrame:
    """One row each: its values as one text, and which of the rows with these values it is."""
    columns = [
        pc.fill_null(pc.cast(rows[name], pa.string()), "\0")
        for name in schema.RAW_EVENTS.schema.names
    ]
    frame = pd.DataFrame({"row": pc.binary_join_element_wise(*columns, "\x1f").to_pylist()})
    return frame.assign(nth=frame.groupby("row").cumcount())
