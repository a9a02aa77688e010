"""The night's data checks, run by Great Expectations on suites built from the settings.

Only new and changed rows are checked row by row. Above MAX_ROWS (a big first night) the faults of
every row are counted in Arrow, and Great Expectations checks their shares. The result is a value;
all checks run, whatever the first ones find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys_tasks.clock import start_of
from recsys_tasks.config import Config
from recsys_tasks.errors import hashed_user
from recsys_tasks.snapshot.checks.check import Check
from recsys_tasks.snapshot.checks.entity_checks import entity_checks
from recsys_tasks.snapshot.checks.entity_frames import entity_frame
from recsys_tasks.snapshot.checks.event_checks import event_checks
from recsys_tasks.snapshot.checks.frames import (
    NightRows,
    event_frame,
    night_frame,
    share_checks,
    share_frame,
)
from recsys_tasks.snapshot.checks.night_checks import night_checks
from recsys_tasks.snapshot.checks.report_page import report_page
from recsys_tasks.snapshot.checks.results import CheckResult, ValidationReport
from recsys_tasks.sources.times.rule import end_times, launch_times
from recsys_tasks.sources.times.words import quoted_faults

MAX_ROWS = 1_000_000
_TIMES_OF_ITEMS = {
    "items.available_from_readable": launch_times,
    "items.available_until_readable": end_times,
}


def validate(
    config: Config, night: NightRows, now: datetime, docs: Path | None = None, limit: int = MAX_ROWS
) -> ValidationReport:
    """Run every check. `docs`: folder that gets the Data Docs, one HTML page a suite."""
    # Here, because Great Expectations takes seconds to import.
    from recsys_tasks.snapshot.checks.expectations import new_context, run_checks, write_page
    from recsys_tasks.snapshot.checks.own_checks import run_own_suites

    context = new_context()
    suites: list[tuple[str, pd.DataFrame, list[Check]]] = [
        ("night", night_frame(config, night), night_checks(config, night.as_of))
    ]
    if night.events.num_rows <= limit:
        suites.append(("events", event_frame(night.events, night.flags), event_checks(config)))
    else:
        suites.append(("events", share_frame(night), share_checks(event_checks(config))))
    suites += [
        ("users", entity_frame(config, night.users, "users"), entity_checks(config, "users")),
        ("items", entity_frame(config, night.items, "items"), entity_checks(config, "items")),
    ]
    results: list[CheckResult] = []
    for name, frame, checks in suites:
        outcome = run_checks(context, name, frame, checks, now)
        results += [
            _with_times(config, night, _told(night, check, _result(check, found, frame)))
            for check, found in zip(checks, outcome.results, strict=True)
        ]
        if docs is not None:
            write_page(docs / f"{name}.html", outcome)
    results += run_own_suites(config, night, context, now, docs)
    report = ValidationReport(night.as_of, night.days, night.events.num_rows, tuple(results))
    if docs is not None:
        (docs / "index.html").write_text(report_page(report))
    return report


def _result(check: Check, outcome: Any, frame: pd.DataFrame) -> CheckResult:
    found, total = (
        int(outcome.result.get("unexpected_count") or 0),
        int(outcome.result.get("element_count") or len(frame)),
    )
    rows = outcome.result.get("partial_unexpected_index_list") or []
    error = (
        outcome.exception_info.get("exception_message")
        if isinstance(outcome.exception_info, dict)
        else None
    )
    if check.suite == "night" or check.kind == "columns":
        observed = _figure(check, frame)
        bound = _limits(check)
    elif check.name.startswith("share:"):
        found, total = int(frame[check.column[len("share:") :]].iloc[0]), int(frame["rows"].iloc[0])
        observed, bound = (
            f"{found:,} of {total:,} rows ({found / max(total, 1):.2%})",
            f"{check.maximum:.2%}",
        )
    else:
        observed, bound = (
            f"{found:,} of {total:,} rows ({found / max(total, 1):.2%})",
            f"{check.bound:.2%}",
        )
    return CheckResult(
        name=check.name.removeprefix("share:"),
        suite=check.suite,
        about=check.about,
        blocking=check.blocking,
        passed=bool(outcome.success),
        found=found,
        total=total,
        bound=bound,
        observed=f"the check itself failed: {error}" if error else observed,
        examples=_examples(check, frame, rows),
    )


def _with_times(config: Config, night: NightRows, result: CheckResult) -> CheckResult:
    """What a check of times says beyond its rows: the delivered texts, and where the newest rows
    are.
    """
    name = f"{result.suite}.{result.name}"
    if name == "night.fresh" and not result.passed and night.newest_day is not None:
        where = (
            f"{result.observed} ({night.as_of - timedelta(days=1)}); the newest day with rows is"
            f" {night.newest_day}"
        )
        return replace(result, observed=where)
    if name == "events.missing_time" and night.undated:
        return replace(result, examples=night.undated)
    if name in _TIMES_OF_ITEMS and not result.passed:
        rule = _TIMES_OF_ITEMS[name](config, start_of(night.as_of))
        faults = night.items[f"{result.name.removesuffix('_readable')}_fault"]
        return replace(result, examples=quoted_faults(faults, rule))
    return result


def _told(night: NightRows, check: Check, result: CheckResult) -> CheckResult:
    """The result with what is known beside its figures: values as they were delivered, and how ids
    differ.
    """
    if check.suite == "night" and (words := night.words(check, not result.passed)):
        result = replace(
            result, observed=words, found=night.losses.counts.get(check.name, result.found)
        )
    elif words := night.words(check, not result.passed):
        result = replace(result, observed=f"{result.observed}{words}")
    if result.found and (texts := night.odd_values.get(check.delivered.removeprefix("share:"))):
        ids = (
            tuple(text.partition(", ")[0] for text in result.examples)
            if check.suite != "events"
            else ()
        )
        result = replace(result, examples=(*ids, f"delivered as {', '.join(texts)}"))
    return result


def _figure(check: Check, frame: pd.DataFrame) -> str:
    if check.kind == "columns":
        missing = sorted(set(check.allowed) - set(frame.columns))
        return f"missing {missing}" if missing else "all there"
    value = frame[check.column].iloc[0]
    return "does not apply tonight" if pd.isna(value) else f"{check.about} is {value:,.6g}"


def _limits(check: Check) -> str:
    if check.kind == "columns":
        return ", ".join(check.allowed)
    return (
        f"{check.minimum:g} or more"
        if check.maximum is None
        else f"{check.minimum:g} to {check.maximum:g}"
    )


def _examples(check: Check, frame: pd.DataFrame, rows: Sequence[int]) -> tuple[str, ...]:
    """Up to five different quotations of failing rows, user ids hashed."""
    texts = [
        ", ".join(_quote(name, frame[name].iloc[row]) for name in check.example)
        for row in rows
        if check.example
    ]
    return tuple(dict.fromkeys(texts))[:5]


def _quote(column: str, value: Any) -> str:
    if pd.isna(value):
        return f"{column} missing"
    if column == "user_id":
        return hashed_user(str(value))
    if column == "ts":
        return f"{pd.Timestamp(int(value), unit='s'):%Y-%m-%d %H:%M:%S}"
    return "unreadable" if value == -np.inf else repr(str(value)[:60])
