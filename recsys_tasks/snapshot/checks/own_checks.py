"""The checks of a shop's own suites, run on the rows that our own checks find nothing wrong with.

So a price that cannot be read is one fault, and not a second one of an expectation on prices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.errors import hashed_user
from recsys_tasks.snapshot.checks.expectations import own_expectation, run_suite, write_page
from recsys_tasks.snapshot.checks.frames import NightRows
from recsys_tasks.snapshot.checks.own_suites import (
    TIMES,
    OwnSuite,
    columns_of,
    named_columns,
    own_suites,
)
from recsys_tasks.snapshot.checks.results import CheckResult
from recsys_tasks.snapshot.checks.row_rules import first_reason

_BOUNDS = ("min_value", "max_value")


def run_own_suites(
    config: Config, night: NightRows, context: Any, now: datetime, docs: Path | None
) -> list[CheckResult]:
    """A result an expectation, in the order of the files; `docs` gets a page `own_TABLE.html` each.

    Raises ConfigError for a suite that cannot be run.
    """
    results: list[CheckResult] = []
    for suite in own_suites(config):
        frame = _frame(config, night, suite)
        names = _names(suite)
        expectations = {
            name: own_expectation(_with_times(declared), {"check": name})
            for name, declared in zip(names, suite.expectations, strict=True)
        }
        if not expectations:
            continue
        outcome = run_suite(context, f"own_{suite.table}", frame, expectations, now)
        if "user_id" in frame:
            for found in outcome.results:
                _hash_users(found, frame["user_id"])
        results += [
            _result(suite, name, declared, found, frame)
            for name, declared, found in zip(
                names, suite.expectations, outcome.results, strict=True
            )
        ]
        if docs is not None:
            write_page(docs / f"own_{suite.table}.html", outcome)
    return results


def _frame(config: Config, night: NightRows, suite: OwnSuite) -> pd.DataFrame:
    """The table's good rows: the columns that the suite names, and the id of the examples."""
    names = columns_of(config, suite.table)
    if not any(
        one["type"].startswith("expect_table_column") or "row_condition" in one["kwargs"]
        for one in suite.expectations
    ):
        named = {name for one in suite.expectations for name in named_columns(one)}
        names = tuple(name for name in names if name in named or name == _key(suite))
    if suite.table == "events":
        fine = (first_reason(night.flags) < 0) & ~night.flags["repeated"]
        table = night.events.rename_columns(
            ["timestamp" if name == "ts" else name for name in night.events.column_names]
        ).filter(pa.array(fine))
    else:
        table = night.users if suite.table == "users" else night.items
    return _with_dates(table.select(names)).to_pandas()


def _with_dates(table: pa.Table) -> pa.Table:
    for name in TIMES:
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.set_column(place, name, pc.cast(table[name], pa.timestamp("s")))
    return table


def _with_times(declared: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bounds of a column of times as times in UTC, be they text or dates in the file."""
    kwargs = declared["kwargs"]
    if kwargs.get("column") not in TIMES:
        return declared
    times = {
        name: _time(kwargs[name]) for name in _BOUNDS if isinstance(kwargs.get(name), str | date)
    }
    return {**declared, "kwargs": {**kwargs, **times}}


def _time(value: str | date) -> Any:
    time = pd.Timestamp(value)
    return (time if time.tz is None else time.tz_convert(None)).to_pydatetime()


def _names(suite: OwnSuite) -> list[str]:
    """`expect_…(columns)`, with a number where an expectation is there more than once."""
    names: list[str] = []
    for declared in suite.expectations:
        columns = ", ".join(named_columns(declared))
        name = declared["type"] + (f"({columns})" if columns else "")
        again = sum(given == name or given.startswith(f"{name} #") for given in names)
        names.append(f"{name} #{again + 1}" if again else name)
    return names


def _result(
    suite: OwnSuite, name: str, declared: Mapping[str, Any], outcome: Any, frame: pd.DataFrame
) -> CheckResult:
    # of no rows there is no largest and no most frequent value: nothing is wrong with them
    empty = frame.empty and bool(named_columns(declared))
    found = int(outcome.result.get("unexpected_count") or 0)
    total = int(outcome.result.get("element_count") or len(frame))
    problem = "" if empty else _problem(outcome.exception_info)
    if empty:
        observed = "no rows to look at"
    elif problem:
        observed = f"the check itself failed: {problem}"
    elif "unexpected_count" in outcome.result:
        observed = f"{found:,} of {total:,} rows ({found / max(total, 1):.2%})"
    else:
        observed = str(outcome.result.get("observed_value", outcome.result.get("details", "")))[
            :200
        ]
    rows = outcome.result.get("partial_unexpected_index_list") or []
    columns = dict.fromkeys((_key(suite), *named_columns(declared)))
    quoted = (", ".join(_quote(c, frame[c].iloc[row]) for c in columns) for row in rows)
    return CheckResult(
        name=name,
        suite=suite.table,
        about=str(declared.get("notes") or f"an expectation of {suite.path.name}"),
        blocking=declared.get("severity", "critical") == "critical",
        told=declared.get("severity") != "info",
        passed=empty or bool(outcome.success),
        found=found,
        total=total,
        bound=_bound(declared["kwargs"]),
        observed=observed,
        examples=() if problem else tuple(dict.fromkeys(quoted))[:5],
    )


def _hash_users(outcome: Any, user_ids: pd.Series) -> None:
    """Stand-ins for the user ids that Great Expectations quotes, which its page would show."""
    quoted = pd.Series(list(_texts(outcome.result)), dtype=object)
    ids = set(quoted[quoted.isin(user_ids)])
    outcome.result = _replaced(outcome.result, ids)
    if _problem(outcome.exception_info) and "user_id" in str(outcome.expectation_config.kwargs):
        words = "it cannot be used on user ids"  # the exception's own may quote one
        told = {"raised_exception": True, "exception_message": words, "exception_traceback": ""}
        outcome.exception_info = told


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _replaced(value: Any, ids: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {_replaced(key, ids): _replaced(inner, ids) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(_replaced(inner, ids) for inner in value)
    return hashed_user(value) if isinstance(value, str) and value in ids else value


def _problem(info: Any) -> str:
    """What Great Expectations raised inside, in a line; empty where nothing was."""
    if not isinstance(info, Mapping):
        return ""
    if "exception_message" in info:
        return " ".join(str(info["exception_message"] or "").split())[:300]
    return next(filter(None, map(_problem, info.values())), "")


def _bound(kwargs: Mapping[str, Any]) -> str:
    said = [f"{name} {value}" for name, value in kwargs.items() if not name.startswith("column")]
    return (", ".join(said) or "no row")[:300]


def _key(suite: OwnSuite) -> str:
    return "user_id" if suite.table == "users" else "item_id"


def _quote(column: str, value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return f"{column} missing"
    if column == "user_id":
        return hashed_user(str(value))
    return f"{column} {str(value)[:60]!r}"
