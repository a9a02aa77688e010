"""What the last accepted night had and tonight's delivery lacks, and rows that come too late to be
read.

The days' rows, as the shop delivered them, stay in the lake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.clock import parse_day
from recsys_tasks.config import Config
from recsys_tasks.errors import ArtifactError, hashed_user, offenders
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.snapshot.checks.last_night import accepted_snapshot, table_before
from recsys_tasks.snapshot.extract_result import ExtractResult
from recsys_tasks.snapshot.tonight import RAW_PARTS
from recsys_tasks.sources.base import has_users_table

LATE = "late"  # fact of a snapshot: day → rows that came after the day was read for the last time
_Found = tuple[float, str, int]  # share, words, count
FEW_ROWS = 20
"""Days of fewer rows are looked at together: of three rows, one that is cancelled is a third."""


@dataclass(frozen=True)
class Losses:
    """Shares and counts by check, none where there is nothing to compare with; and what was found,
    in words.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def find_losses(
    config: Config, lake: Lake, extracted: ExtractResult, users: pa.Table, items: pa.Table
) -> Losses:
    """Ids that the tables lack, rows that known days lack, and late rows, since the last accepted
    night.
    """
    base = accepted_snapshot(lake, extracted.as_of)
    if base is None:
        return Losses()
    found = {
        "rows_lost": _lost_rows(lake, base, extracted),
        "rows_late": _late_rows(base, extracted),
    }
    tables = {"items": items, **({"users": users} if has_users_table(config) else {})}
    for name, table in tables.items():
        if (before := table_before(lake, base, name, [f"{name[:-1]}_id"])) is not None:
            found[f"{name}_gone"] = _gone(before[0], table, name, base.key)
    known = {name: result for name, result in found.items() if result is not None}
    return Losses(
        {name: share for name, (share, _, _) in known.items()},
        {name: words for name, (_, words, _) in known.items()},
        {name: count for name, (_, _, count) in known.items()},
    )


def _gone(before: pa.ChunkedArray, table: pa.Table, name: str, night: str) -> _Found:
    ids = pc.unique(before).drop_null()
    gone = ids.filter(pc.invert(pc.is_in(ids, value_set=pc.unique(table[f"{name[:-1]}_id"]))))
    share = len(gone) / max(len(ids), 1)
    allowed = share if len(gone) > 1 else 0.0  # of three items, one that is taken off is a third
    shown = gone.slice(0, 5).to_pylist()
    quoted = offenders(shown) if name == "items" else ", ".join(map(hashed_user, shown))
    words = (
        f"{len(gone):,} of {len(ids):,} {name} of night {night} are not in tonight's table"
        f" ({share:.2%})"
    )
    return allowed, words + (f", e.g. {quoted}" if shown else ""), len(gone)


def _lost_rows(lake: Lake, base: Artifact, extracted: ExtractResult) -> _Found:
    """Of the days whose rows changed, the one (or the small ones together) that lost most of
    them.
    """
    before: dict[str, str] = json.loads(base.file(RAW_PARTS).read_text())
    days: list[tuple[str, int, int]] = []
    for text, reference in before.items():
        now = extracted.parts.get(parse_day(text))
        if now != reference:
            days.append((text, _rows(lake, reference), 0 if now is None else _rows(lake, now)))
    lost = [day for day in days if day[2] < day[1]]
    if not lost:
        return 0.0, "no known day lost a row", 0
    large = [day for day in days if day[1] >= FEW_ROWS]
    small = [day for day in days if day[1] < FEW_ROWS]
    groups = [*([day] for day in large), *([small] if small else [])]
    share, worst = max(((_share(group), group) for group in groups), key=lambda pair: pair[0])
    told = ", ".join(f"{day} had {had:,} rows and has {has:,}" for day, had, has in lost[:5])
    more = f" and {len(lost) - 5} more days" if len(lost) > 5 else ""
    where = worst[0][0] if len(worst) == 1 else f"{len(worst)} days of fewer than {FEW_ROWS} rows"
    words = f"{told}{more}; most is gone of {where}: {share:.2%}"
    return share, words, sum(had - has for _, had, has in lost)


def _share(days: Sequence[tuple[str, int, int]]) -> float:
    lost = sum(max(had - has, 0) for _, had, has in days)
    return (
        lost / sum(had for _, had, _ in days) if lost > 1 else 0.0
    )  # one row may always be cancelled


def _rows(lake: Lake, reference: str) -> int:
    try:
        return lake.get(reference).rows
    except ArtifactError:
        return 0


def _late_rows(base: Artifact, extracted: ExtractResult) -> _Found | None:
    if LATE not in base.facts:  # an older home: what came late before is not known
        return None
    known: Mapping[str, int] = base.facts[LATE]
    new = {
        day: rows - known.get(day.isoformat(), 0) for day, rows in sorted(extracted.late.items())
    }
    new = {day: rows for day, rows in new.items() if rows > 0}
    if not new:
        return 0.0, "no row came too late", 0
    late, oldest = sum(new.values()), min(new)
    share = late / (late + extracted.rows)
    words = (
        f"{late:,} rows of {len(new)} days before the lookback were delivered since and are not"
        f" read ({share:.2%} of tonight's), the oldest of {oldest},"
        f" {(extracted.as_of - oldest).days} days before this night"
    )
    return share, words, late
