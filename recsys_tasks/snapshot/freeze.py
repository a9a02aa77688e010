"""Check tonight's rows, set the bad ones aside, and freeze what is left as the night's snapshot.

A night costs what is new: only days whose raw partition changed since the snapshot before are
checked and keyed, and days with set-aside rows whose user or item has arrived by now are keyed
again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import numpy as np
import pyarrow as pa

from recsys_tasks.clock import parse_day
from recsys_tasks.config import Config, config_hash
from recsys_tasks.errors import NotEnoughData
from recsys_tasks.ids import IdMap, Keys, extend_ids
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.snapshot.checks import validate as checking
from recsys_tasks.snapshot.checks.column_drift import find_drift
from recsys_tasks.snapshot.checks.frames import NightRows
from recsys_tasks.snapshot.checks.frequent_ids import find_frequent_ids
from recsys_tasks.snapshot.checks.last_night import TABLES
from recsys_tasks.snapshot.checks.losses import LATE, find_losses
from recsys_tasks.snapshot.checks.own_suites import suites_hash
from recsys_tasks.snapshot.checks.rated_rows import left_out_figures, left_out_rows
from recsys_tasks.snapshot.checks.remarks import find_remarks
from recsys_tasks.snapshot.checks.results import ValidationReport
from recsys_tasks.snapshot.checks.row_rules import REASONS, first_reason, keyed_rows, set_aside
from recsys_tasks.snapshot.checks.short_id_rows import with_whole_ids
from recsys_tasks.snapshot.dataset import ITEMS_AS_OF, Snapshot, SnapshotExtras, write_snapshot
from recsys_tasks.snapshot.day_files import day_rows, source_of_day, write_events_day
from recsys_tasks.snapshot.eligibility.hidden import hidden_items
from recsys_tasks.snapshot.entities import ITEM_TIMES, Seconds, build_entities, known_ids
from recsys_tasks.snapshot.extract_result import open_extract
from recsys_tasks.snapshot.negative_facts import has_rows, negative_figures, negative_files
from recsys_tasks.snapshot.past_values import UNKNOWN
from recsys_tasks.snapshot.tonight import (
    QUARANTINE_FILE,
    RAW_PARTS,
    Tonight,
    base_snapshot,
    read_tonight,
)
from recsys_tasks.snapshot.undated import read_undated, undated_words
from recsys_tasks.snapshot.volume import newest_day, volume

T = TypeVar("T")


@dataclass(frozen=True)
class FreezeResult:
    """A frozen night."""

    snapshot: Snapshot
    report: ValidationReport
    validation: Artifact
    days: tuple[date, ...]  # days checked and keyed tonight
    rows: int  # clean rows of those days
    duplicates: int  # exact duplicates removed from them
    waiting: Mapping[str, int]  # reason → rows set aside, tonight's and older ones
    readmitted: int  # rows set aside earlier whose fault is gone
    expired: int  # rows set aside for longer than validation.max_quarantine_days, given up
    hidden: int  # available items that the rules of `rerank` keep out of every list
    erased: int  # rows of erased users that the source still holds, left out for good
    late_rows: (
        int  # rows of days before the lookback that were delivered since the last night, not read
    )


def freeze(config: Config, lake: Lake, as_of: date, now: datetime) -> FreezeResult:
    """Validate and freeze the newest extract of a night; a no-op when extract, history and config
    are the same.

    Always writes `validation/<as_of>`. Raises ValidationFailed, without a snapshot, when a blocking
    check failed; NotEnoughData when no good row is left.
    """
    extracted, base = open_extract(lake, as_of), base_snapshot(config, lake, as_of)
    key = as_of.isoformat()
    inputs = {
        "extract": str(extracted.artifact.facts["content"]),
        "base": base.artifact.content if base else "",
    }
    settings = config_hash(
        *(config.validation, config.users, config.items, config.events),
        *config.rerank.item_rules,
        *config.rerank.hidden_items,
        *filter(None, [suites_hash(config)]),
    )
    validation, made = lake.newest("validation", key), lake.newest("snapshot", key)
    if validation and validation.manifest["fingerprint"] != lake.fingerprint(
        "validation", key, inputs, settings
    ):
        validation = None
    if validation and made and made.facts.get("validation") == validation.reference:
        frozen = Snapshot(config, lake, made)
        if lake.has(frozen.parts.values()):
            return _result(frozen, validation)
    tonight = read_tonight(config, lake, extracted, base)
    if validation is None:
        validation = _check(config, lake, tonight, now, inputs, settings)
    report = read_report(validation)
    if not report.passed:
        raise report.error(f"{validation.where}/report.json, data_docs/")
    return _result(_write(config, lake, tonight, validation), validation)


def read_report(validation: Artifact) -> ValidationReport:
    """The checks of a validation artifact."""
    return ValidationReport.from_dict(json.loads(validation.file("report.json").read_text()))


def _check(
    config: Config,
    lake: Lake,
    tonight: Tonight,
    now: datetime,
    inputs: Mapping[str, str],
    settings: str,
) -> Artifact:
    """Run the checks on the new and changed days and store what they found."""
    as_of = tonight.extracted.as_of
    n = sum(tonight.raw[day].rows for day in tonight.changed)
    newest, usual = volume(config, lake, tonight.extracted)
    events = tonight.events.slice(0, n)
    flags = {name: flags[:n] for name, flags in tonight.flags.items()}
    night = NightRows(
        as_of=as_of,
        days=tuple(day.isoformat() for day in tonight.changed),
        events=events,
        flags=flags,
        users=tonight.users,
        items=tonight.items,
        newest_day_rows=newest,
        usual_rows=usual,
        future_rows=tonight.extracted.future_rows,
        newest_day=newest_day(lake, tonight.extracted),
        undated=undated_words(config, _undated(tonight), as_of),
        losses=find_losses(config, lake, tonight.extracted, tonight.users, tonight.items),
        drifts=find_drift(config, lake, as_of, tonight.users, tonight.items),
        frequent=find_frequent_ids(
            events.select(["user_id", "item_id"]).filter(pa.array(first_reason(flags) < 0)),
            config.validation.real_ids,
        ),
        odd_values=tonight.extracted.odd_values,
        files_passed_over=tonight.extracted.files_passed_over,
        repeated_times=tonight.extracted.repeated_times,
        remarks=find_remarks(
            config, tonight.extracted, events, flags, tonight.users, tonight.items
        ),
    )
    # Not `Lake.make`: `freeze` has looked for a validation of the same inputs already.
    with lake.writing("validation", as_of.isoformat(), inputs=inputs, config=settings) as draft:
        report = checking.validate(config, night, now, draft.path / "data_docs")
        (draft.path / "report.json").write_text(json.dumps(report.as_dict(), indent=1))
        draft.rows = n
        draft.facts = {
            "passed": report.passed,
            "failed": [f"{check.suite}.{check.name}" for check in report.failed],
            "warnings": [f"{check.suite}.{check.name}" for check in report.warnings],
        }
    return draft.finished


def _undated(tonight: Tonight) -> pa.Table:
    """Rows without a time of the days that are checked."""
    rows = read_undated(tonight.extracted.artifact)
    return rows.filter(
        np.isin(rows["day"].to_numpy(), [day.isoformat() for day in tonight.changed])
    )


def _write(config: Config, lake: Lake, tonight: Tonight, validation: Artifact) -> Snapshot:
    """Give out keys, write the days' clean rows, and the snapshot."""
    as_of, base = tonight.extracted.as_of, tonight.base
    tables = {name: with_whole_ids(config, getattr(tonight, name)) for name in ("users", "items")}
    users, items = (
        extend_ids(lake, name, known_ids(None, name, table[0]).to_pylist())
        for name, table in tables.items()
    )
    written, bad, firsts = _write_days(config, lake, tonight, users, items)
    kept = {day: ref for day, ref in (base.parts if base else {}).items() if day not in written}
    known = tonight.extracted.parts
    parts = {day: lake.get(ref) for day, ref in kept.items() if day in known} | written
    parts = {day: artifact for day, artifact in parts.items() if has_rows(artifact)}
    if not parts:
        raise NotEnoughData(
            expected=f"at least one good row before {as_of}",
            found="none: all were set aside, or left out by their rating",
            where=validation.where,
            remedy="read the validation report and correct the tables, or events.rating.levels",
        )
    listed = (users, tables["users"]), (items, tables["items"])
    entities = build_entities(base, as_of, *listed, firsts)
    item_table, hidden = _without_hidden(config, entities.items)
    quarantine = pa.concat_tables([tonight.waiting, *bad])
    figures = _figures(tonight, written, quarantine, hidden) | negative_figures(config, parts)
    extracted, raw_parts = tonight.extracted, _by_day(tonight.extracted.parts)
    files: dict[str, pa.Table | str] = {
        "report.json": json.dumps(figures, indent=1),
        QUARANTINE_FILE: quarantine,
        ITEM_TIMES: entities.item_times,
        UNKNOWN: json.dumps(entities.unknown),
        RAW_PARTS: json.dumps(raw_parts, indent=1),
        **negative_files(config),
    }
    facts = {
        **figures,
        "validation": validation.reference,
        TABLES: {"users": extracted.users, "items": extracted.items},
        LATE: _by_day(extracted.late),
        ITEMS_AS_OF: lake.get(extracted.items).facts.get(ITEMS_AS_OF),
    }
    return write_snapshot(
        config,
        lake,
        as_of,
        users=entities.users,
        items=item_table,
        parts=parts,
        extras=SnapshotExtras(facts, files),
    )


def _by_day(found: Mapping[date, T]) -> dict[str, T]:
    return {day.isoformat(): found[day] for day in sorted(found)}


def _figures(
    tonight: Tonight, written: Mapping[date, Artifact], quarantine: pa.Table, hidden: int
) -> dict[str, object]:
    """Counts of the night's rows and items: kept, set aside, hidden."""
    reasons = quarantine["reason"].to_pylist()
    return {
        "days": [day.isoformat() for day in sorted(written)],
        "rows": sum(artifact.rows for artifact in written.values()),
        "duplicates": int((tonight.flags["repeated"] & (first_reason(tonight.flags) < 0)).sum()),
        "waiting": {reason: reasons.count(reason) for reason in REASONS if reason in reasons},
        "readmitted": tonight.readmitted,
        "expired": tonight.expired,
        "erased": tonight.extracted.erased_rows,
        "hidden": hidden,
        **left_out_figures(tonight.flags),
    }


def _without_hidden(config: Config, items: pa.Table) -> tuple[pa.Table, int]:
    """The items with those unavailable that the rules hide, and how many available ones these
    were.
    """
    available = items["available"].to_numpy().astype(bool)
    shown = available & ~hidden_items(config, items)
    place = items.column_names.index("available")
    return items.set_column(place, "available", pa.array(shown)), int((available & ~shown).sum())


def _write_days(
    config: Config, lake: Lake, tonight: Tonight, users: IdMap, items: IdMap
) -> tuple[dict[date, Artifact], list[pa.Table], tuple[Keys, Seconds]]:
    """(events artifact by day, QUARANTINE rows, item keys and the seconds of their first clean
    event).
    """
    reasons = first_reason(tonight.flags)
    good = (reasons < 0) & ~tonight.flags["repeated"] & ~left_out_rows(tonight.flags)
    written, bad, start = {}, [], 0
    first = np.full(len(items), np.iinfo(np.int64).max)
    for day, part in tonight.raw.items():
        rows = slice(start, start + part.rows)
        events = tonight.events.slice(start, part.rows)
        everything = keyed_rows(config, events.filter(pa.array(good[rows])), users, items)
        keyed = day_rows(config.events, everything)
        source = source_of_day(config.events, part, everything)
        written[day] = write_events_day(lake, day, keyed, source)
        since = tonight.since.get(day, tonight.extracted.as_of.isoformat())
        bad.append(set_aside(events, reasons[rows], day.isoformat(), since))
        sold_at = keyed.events["item_key"].to_numpy(), keyed.events["ts"].to_numpy()
        np.minimum.at(first, *sold_at)
        start = rows.stop
    sold = np.flatnonzero(first < np.iinfo(np.int64).max).astype(np.int32)
    return written, bad, (sold, first[sold])


def _result(snapshot: Snapshot, validation: Artifact) -> FreezeResult:
    facts = snapshot.artifact.facts
    counts = {
        name: facts[name]
        for name in ("rows", "duplicates", "waiting", "readmitted", "expired", "erased", "hidden")
    }
    days = tuple(parse_day(day) for day in facts["days"])
    report = read_report(validation)
    late = next((check.found for check in report.checks if check.name == "rows_late"), 0)
    return FreezeResult(snapshot, report, validation, days, **counts, late_rows=late)
