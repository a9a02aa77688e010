"""The night's data checks, run by Great Expectations on suites built from the settings.

Only new and changed rows are checked row by row, in an ephemeral context on the pandas engine.
Above MAX_ROWS (a big first night) the faults of every row are counted in Arrow, and Great
Expectations checks their shares. The result is a value; all checks run, whatever the first ones
find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from recsys_tasks.clock import start_of
from recsys_tasks.config import Config
from recsys_tasks.errors import hashed_user, offenders
from recsys_tasks.snapshot.checks.catalogue import (
    Check,
    CheckResult,
    ValidationReport,
    entity_checks,
    event_checks,
    night_checks,
)
from recsys_tasks.snapshot.checks.entity_frames import entity_frame
from recsys_tasks.snapshot.checks.losses import Losses
from recsys_tasks.snapshot.checks.near_ids import near_words
from recsys_tasks.snapshot.checks.report_page import report_page
from recsys_tasks.snapshot.checks.row_rules import Flags
from recsys_tasks.snapshot.checks.storable import is_usable
from recsys_tasks.sources.base import has_users_table
from recsys_tasks.sources.times.rule import launch_times
from recsys_tasks.sources.times.words import quoted_faults

MAX_ROWS = 1_000_000
_QUOTED = 20  # failing rows asked of each check, from which up to five different examples are shown


@dataclass(frozen=True)
class Night:
    """What is checked: tonight's rows and figures."""

    as_of: date
    days: tuple[str, ...]  # days of `events`
    events: pa.Table  # RAW_EVENTS of the new and changed days
    flags: Mapping[str, Flags]  # rules.flag_rows of them
    users: pa.Table  # raw users of the night
    items: pa.Table
    newest_day_rows: int | None  # None: the shop was closed, or empty days are normal
    usual_rows: float | None  # mean of the same weekday in the four weeks before; None: unknown
    future_rows: int
    newest_day: date | None = None  # newest day with rows, whether new tonight or not
    undated: tuple[str, ...] = ()  # what was delivered in place of times, in words
    losses: Losses = field(default_factory=Losses)
    odd_values: Mapping[str, Sequence[str]] = field(
        default_factory=dict
    )  # column → first values, as delivered
    files_passed_over: Sequence[str] = ()

    def words(self, check: Check, fails: bool) -> str:
        """What is known of a check beside its figures; empty where nothing is."""
        if check.name == "files_passed_over" and self.files_passed_over:
            return offenders(self.files_passed_over)
        if check.suite == "night":
            return self.losses.words.get(check.name, "")
        name = check.name.removeprefix("share:")
        if not fails or name not in ("unknown_user", "unknown_item"):
            return ""
        column, table = (
            ("user_id", self.users) if name == "unknown_user" else ("item_id", self.items)
        )
        return near_words(self.events[column].filter(pa.array(self.flags[name])), table[column])


def validate(
    config: Config, night: Night, now: datetime, docs: Path | None = None, limit: int = MAX_ROWS
) -> ValidationReport:
    """Run every check. `docs`: folder that gets the Data Docs, one HTML page a suite."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    suites: list[tuple[str, pd.DataFrame, list[Check]]] = [
        ("night", _night_frame(config, night), night_checks(config, night.as_of))
    ]
    if night.events.num_rows <= limit:
        suites.append(("events", _event_frame(night.events, night.flags), event_checks(config)))
    else:
        suites.append(("events", _share_frame(night), _share_checks(event_checks(config))))
    suites += [
        (
            "users",
            entity_frame(night.users, "user_id", config.users),
            entity_checks(config, "users"),
        ),
        (
            "items",
            entity_frame(night.items, "item_id", config.items),
            entity_checks(config, "items"),
        ),
    ]
    results: list[CheckResult] = []
    for name, frame, checks in suites:
        outcome = _run(context, name, frame, checks, now)
        results += [
            _with_times(config, night, _told(night, check, _result(check, found, frame)))
            for check, found in zip(checks, outcome.results, strict=True)
        ]
        if docs is not None:
            _write_page(docs / f"{name}.html", outcome)
    report = ValidationReport(night.as_of, night.days, night.events.num_rows, tuple(results))
    if docs is not None:
        (docs / "index.html").write_text(report_page(report))
    return report


def _run(
    context: Any, name: str, frame: pd.DataFrame, checks: Sequence[Check], now: datetime
) -> Any:
    """Great Expectations' own result, in the order of the checks."""
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name)
    suite = context.suites.add(
        gx.ExpectationSuite(name, expectations=[_expectation(check) for check in checks])
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    outcome = definition.run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": _QUOTED},
        run_id=RunIdentifier(run_name=name, run_time=now),
    )
    by_name = {result.expectation_config.meta["check"]: result for result in outcome.results}
    outcome.results = [by_name[check.name] for check in checks]
    return outcome


def _expectation(check: Check) -> Any:
    common: dict[str, Any] = {
        "meta": {"check": check.name, "about": check.about},
        "severity": "critical" if check.blocking else "warning",
    }
    if check.kind == "columns":
        return gxe.ExpectTableColumnsToMatchSet(
            column_set=list(check.allowed), exact_match=False, **common
        )
    common |= {"column": check.column, "mostly": 1.0 - check.bound}
    if check.kind == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(**common)
    if check.kind == "in_set":
        return gxe.ExpectColumnValuesToBeInSet(value_set=list(check.allowed), **common)
    return gxe.ExpectColumnValuesToBeBetween(
        min_value=check.minimum, max_value=check.maximum, **common
    )


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


def _with_times(config: Config, night: Night, result: CheckResult) -> CheckResult:
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
    if name == "items.available_from_readable" and not result.passed:
        rule = launch_times(config, start_of(night.as_of))
        return replace(result, examples=quoted_faults(night.items["available_from_fault"], rule))
    return result


def _told(night: Night, check: Check, result: CheckResult) -> CheckResult:
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


def _event_frame(events: pa.Table, flags: Mapping[str, Flags]) -> pd.DataFrame:
    frame: pd.DataFrame = events.to_pandas()
    for column in ("user_id", "item_id"):
        frame.loc[flags["missing_user" if column == "user_id" else "missing_item"], column] = None
    quantity = pc.if_else(
        pa.array(flags["bad_position"]), None, events["quantity"]
    )  # a check of its own tells of it
    frame["quantity"] = quantity.to_pandas().copy()
    for column in ("price", "quantity"):
        # an unreadable number is NaN in Arrow and would pass as missing in pandas; infinity has no
        # upper bound to break
        numbers = quantity if column == "quantity" else events[column]
        frame.loc[~is_usable(numbers).fill_null(True).to_numpy(), column] = -np.inf
    # null is not one of the declared kinds; Great Expectations would leave it out of the count
    frame["event"] = frame["event"].fillna("")
    lengths = [
        pc.fill_null(pc.binary_length(events[column]), 0).to_numpy()
        for column in ("user_id", "item_id")
    ]
    frame["id_bytes"] = np.maximum(*lengths)
    return frame.assign(
        user_known=~flags["unknown_user"],
        item_known=~flags["unknown_item"],
        first=~flags["repeated"],
        storable=~flags["unstorable"],
        placed=~flags["bad_position"],
    )


def _night_frame(config: Config, night: Night) -> pd.DataFrame:
    """One row; NaN where a figure does not apply."""
    rows = night.newest_day_rows
    ratio = rows / night.usual_rows if rows and night.usual_rows else np.nan
    figures = {
        "newest_day_rows": np.nan if rows is None else rows,
        "volume_ratio": ratio,
        "future_share": night.future_rows / max(night.future_rows + night.events.num_rows, 1),
        "users": night.users.num_rows if has_users_table(config) else np.nan,
        "items": night.items.num_rows,
        "files_passed_over": len(night.files_passed_over),
        **dict.fromkeys(("items_gone", "users_gone", "rows_lost", "rows_late"), np.nan),
        **night.losses.shares,
    }
    return pd.DataFrame([figures], dtype=np.float64)


def _share_frame(night: Night) -> pd.DataFrame:
    """One row: how many rows have each fault, and the share of it."""
    n = night.events.num_rows
    counts = {name: float(flags.sum()) for name, flags in night.flags.items()}
    shares = {f"share:{name}": count / max(n, 1) for name, count in counts.items()}
    return pd.DataFrame([{**counts, **shares, "rows": float(n)}])


def _share_checks(checks: Sequence[Check]) -> list[Check]:
    made = []
    for check in checks:
        if check.kind != "columns":
            name = f"share:{check.name}"
            shares = Check(
                name, "events", "between", name, check.about, 0.0, check.blocking, 0.0, check.bound
            )
            made.append(replace(shares, delivered=check.delivered))
    return made


def _write_page(path: Path, outcome: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(outcome)
    path.write_text(DefaultJinjaPageView().render(document))
