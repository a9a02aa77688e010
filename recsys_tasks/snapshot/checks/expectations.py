"""Data checks run by Great Expectations, in an ephemeral context on the pandas engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from recsys_tasks.snapshot.checks.check import Check

_QUOTED = 20  # failing rows asked of each check, from which up to five different examples are shown


def new_context() -> Any:
    """A context that keeps nothing and draws no bars."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def run_checks(
    context: Any, name: str, frame: pd.DataFrame, checks: Sequence[Check], now: datetime
) -> Any:
    """Great Expectations' own result, in the order of the checks."""
    by_name = {check.name: _expectation(check) for check in checks}
    return run_suite(context, name, frame, by_name, now)


def run_suite(
    context: Any, name: str, frame: pd.DataFrame, by_name: Mapping[str, Any], now: datetime
) -> Any:
    """Great Expectations' own result of expectations whose `meta` has their name as `check`, in
    their order.
    """
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name)
    suite = context.suites.add(gx.ExpectationSuite(name, expectations=list(by_name.values())))
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    outcome = definition.run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": _QUOTED},
        run_id=RunIdentifier(run_name=name, run_time=now),
    )
    found = {result.expectation_config.meta["check"]: result for result in outcome.results}
    outcome.results = [found[name] for name in by_name]
    return outcome


def own_expectation(declared: Mapping[str, Any], meta: Mapping[str, Any]) -> Any:
    """The expectation that a shop declares by `type`, `kwargs` and `severity`.

    Raises ExpectationNotFoundError; ValueError or TypeError for wrong arguments.
    """
    further = {key: declared[key] for key in ("severity", "notes") if key in declared}
    kind = get_expectation_impl(declared["type"])
    return kind(**declared["kwargs"], **further, meta=dict(meta))


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


def write_page(path: Path, outcome: Any) -> None:
    """Write the Data Docs page of a suite's result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(outcome)
    path.write_text(DefaultJinjaPageView().render(document))
