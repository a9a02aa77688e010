"""The input of `freeze`: the rows that are new since the snapshot before, and those set aside
earlier.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import parse_day
from recsys_tasks.config import Config, config_hash
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.snapshot.checks.row_rules import QUARANTINE, Flags, Known, first_reason, flag_rows
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.entities import known_ids
from recsys_tasks.snapshot.extract_result import ExtractResult

RAW_PARTS = "raw.json"  # day → reference of the raw partition that the snapshot's rows come from
QUARANTINE_FILE = "quarantine.parquet"


@dataclass(frozen=True)
class Tonight:
    """The rows and tables that one night checks and freezes."""

    extracted: ExtractResult
    base: Snapshot | None
    raw: Mapping[date, Artifact]  # raw partitions to check and key, new and changed days first
    changed: tuple[date, ...]
    events: pa.Table  # their rows, in the order of `raw`
    flags: Mapping[str, Flags]
    users: pa.Table
    items: pa.Table
    waiting: pa.Table  # QUARANTINE rows of days that are not keyed tonight
    since: Mapping[date, str]  # day keyed again → night on which its bad rows were set aside
    readmitted: int
    expired: int


def base_snapshot(config: Config, lake: Lake, as_of: date) -> Snapshot | None:
    """The newest snapshot of an earlier night made under the same table settings."""
    settings = config_hash(config.users, config.items, config.events)
    for key in reversed([k for k in lake.keys("snapshot") if k < as_of.isoformat()]):
        artifact = lake.require("snapshot", key)
        if artifact.manifest["config"] == settings and RAW_PARTS in artifact.manifest["files"]:
            return Snapshot(config, lake, artifact)
    return None


def read_tonight(
    config: Config, lake: Lake, extracted: ExtractResult, base: Snapshot | None
) -> Tonight:
    """The night's tables, and the rows to check and key, each with its faults flagged."""
    users = pq.read_table(lake.get(extracted.users).file("users.parquet"))
    items = pq.read_table(lake.get(extracted.items).file("items.parquet"))
    known = Known(
        known_ids(base, "users", users["user_id"]), known_ids(base, "items", items["item_id"])
    )
    before = _raw_of(lake, base)
    changed = tuple(
        day for day in sorted(extracted.parts) if extracted.parts[day] != before.get(day)
    )
    waiting, expired = _still_waiting(config, extracted.as_of, base, changed)
    fine = (
        first_reason(flag_rows(config, waiting.select(schema.RAW_EVENTS.schema.names), known)) < 0
    )
    again = {
        parse_day(text) for text in pc.unique(waiting["day"].filter(pa.array(fine))).to_pylist()
    }
    again &= set(extracted.parts)
    raw = {day: lake.get(extracted.parts[day]) for day in (*changed, *sorted(again))}
    empty = schema.RAW_EVENTS.schema.empty_table()
    events = pa.concat_tables(
        [empty, *(pq.read_table(part.file("events.parquet")) for part in raw.values())]
    )
    keyed_again = np.isin(waiting["day"].to_numpy(), [day.isoformat() for day in again])
    firsts = (
        waiting.filter(pa.array(keyed_again))
        .group_by("day")
        .aggregate([("since", "min")])
        .to_pylist()
    )
    return Tonight(
        extracted, base, raw, changed, events, flag_rows(config, events, known), users, items,
        waiting=waiting.filter(pa.array(~keyed_again)),
        since={parse_day(row["day"]): row["since_min"] for row in firsts},
        readmitted=int(fine.sum()),
        expired=expired,
    )  # fmt: skip


def _still_waiting(
    config: Config, as_of: date, base: Snapshot | None, changed: Sequence[date]
) -> tuple[pa.Table, int]:
    """(set-aside rows of unchanged days, rows given up tonight)."""
    if base is None:
        return QUARANTINE.schema.empty_table(), 0
    rows = pq.read_table(base.artifact.file(QUARANTINE_FILE))
    oldest = (as_of - timedelta(days=config.validation.max_quarantine_days)).isoformat()
    rows = rows.filter(~np.isin(rows["day"].to_numpy(), [day.isoformat() for day in changed]))
    kept = rows.filter(pc.greater_equal(rows["since"], oldest))
    return kept, rows.num_rows - kept.num_rows


def _raw_of(lake: Lake, base: Snapshot | None) -> dict[date, str]:
    """Day → raw partition that the base was made of; a day whose events were damaged and set aside
    is made anew.
    """
    if base is None:
        return {}
    raw: dict[str, str] = json.loads(base.artifact.file(RAW_PARTS).read_text())
    lost = {day for day, reference in base.parts.items() if not lake.has([reference])}
    return {
        day: reference for text, reference in raw.items() if (day := parse_day(text)) not in lost
    }
