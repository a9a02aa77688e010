"""What one night read from the shop, as a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from recsys_tasks.clock import parse_day
from recsys_tasks.lake import Artifact, Lake


@dataclass(frozen=True)
class ExtractResult:
    """The rows, tables and counts of one night's extract."""

    as_of: date
    parts: Mapping[date, str]  # every known day before as_of → reference of its raw_events artifact
    users: str  # reference of raw_users
    items: str  # reference of raw_items
    new_days: tuple[date, ...]  # first seen tonight
    changed_days: tuple[date, ...]  # known, and their rows differ now
    rows: int  # rows read tonight
    # missing, unreadable, too_early, too_late or skipped (by local clocks) → rows without a
    # readable time, which are kept with the newest day of the night that found them
    undated_why: Mapping[str, int]
    future_rows: int  # rows with a time later than `now`
    # rows of the night's day or later ones, not read: under a simulated clock, the history's rest
    later_rows: int
    erased_rows: int  # rows of erased users that the source still holds, not read
    late: Mapping[
        date, int
    ]  # days before the lookback → rows that the source has and no night read
    odd_values: Mapping[str, tuple[str, ...]]  # column → its first unusable numbers, as delivered
    files_passed_over: tuple[str, ...]
    repeated_times: Mapping[str, int]  # table → times that occur twice on local clocks
    remarks: Mapping[str, tuple[str, ...]]  # check of the night → what the reader noticed, in words
    artifact: Artifact


def open_extract(lake: Lake, as_of: date) -> ExtractResult:
    """The newest extract of a night. Raises ArtifactError when the night has none."""
    return read_extract(lake.require("extract", as_of.isoformat()))


def read_extract(artifact: Artifact) -> ExtractResult:
    """An extract artifact as a value."""
    raw = json.loads(artifact.file("result.json").read_text())
    return ExtractResult(
        as_of=parse_day(artifact.key),
        parts={parse_day(day): reference for day, reference in raw["parts"].items()},
        users=raw["users"],
        items=raw["items"],
        new_days=tuple(map(parse_day, raw["new_days"])),
        changed_days=tuple(map(parse_day, raw["changed_days"])),
        rows=raw["rows"],
        undated_why=raw.get("undated_why", {}),
        future_rows=raw["future_rows"],
        later_rows=raw.get("later_rows", 0),
        erased_rows=raw.get("erased_rows", 0),
        late={parse_day(day): rows for day, rows in raw.get("late", {}).items()},
        odd_values={name: tuple(texts) for name, texts in raw.get("odd_values", {}).items()},
        files_passed_over=tuple(raw.get("files_passed_over", ())),
        repeated_times=raw.get("repeated_times", {}),
        remarks={name: tuple(words) for name, words in raw.get("remarks", {}).items()},
        artifact=artifact,
    )
