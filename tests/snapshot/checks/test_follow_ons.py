"""A fault that only follows from another one is not told beside it."""

from __future__ import annotations

from datetime import date

import pytest

from recsys_tasks.snapshot.checks.results import CheckResult, ValidationReport


def failed(suite: str, name: str) -> CheckResult:
    return CheckResult(name, suite, "about", True, False, 3, 3, "0", f"{name} was found")


@pytest.mark.parametrize("table", ["item", "user"])
def test_an_empty_table_is_told_and_not_that_it_knows_no_id(table: str) -> None:
    unknown, other = failed("events", f"unknown_{table}"), failed("events", "bad_price")
    checks = (failed("night", f"{table}s"), unknown, other)
    error = ValidationReport(date(2026, 3, 2), (), 3, checks).error("here")
    assert "unknown" not in str(error)
    assert "bad_price was found" in error.found
    alone = ValidationReport(date(2026, 3, 2), (), 3, (unknown, other)).error("here")
    assert f"unknown_{table} was found" in alone.found
