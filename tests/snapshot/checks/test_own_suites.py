"""Suites that a shop writes itself: what they look at, stop and say, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from recsys_tasks.config import Config
from recsys_tasks.errors import ConfigError, ValidationFailed, hashed_user
from recsys_tasks.snapshot.checks.own_suites import own_suites, suites_hash
from recsys_tasks.snapshot.checks.results import CheckResult, ValidationReport
from recsys_tasks.snapshot.checks.row_rules import Known, flag_rows
from recsys_tasks.snapshot.checks.validate import validate
from recsys_tasks.snapshot.freeze import freeze
from tests.snapshot.checks.test_validate import GOOD, NAN, night, shop_config
from tests.snapshot.shops import LiteralShop

NOW = datetime(2026, 1, 6, 1, tzinfo=UTC)
DAY = 1_767_614_400  # 2026-01-05 12:00 UTC
BETWEEN = "expect_column_values_to_be_between"
PRICES = {
    "type": BETWEEN,
    "kwargs": {"column": "price", "max_value": 100},
}


def with_suite(folder: Path, name: str, *expectations: Any, **validation: Any) -> Config:
    """Settings beside which a folder `expectations` holds one suite."""
    (folder / "expectations").mkdir(exist_ok=True)
    text = yaml.safe_dump({"expectations": list(expectations)})
    (folder / "expectations" / name).write_text(text)
    return shop_config(**validation).read_in(folder)


def rows(*prices: float) -> list[tuple[Any, ...]]:
    return [("u", "i", DAY + n, "purchase", price, 1.0) for n, price in enumerate(prices)]


def own(report: ValidationReport) -> list[CheckResult]:
    return [check for check in report.checks if check.name.startswith("expect_")]


def test_an_expectation_stops_the_night_and_quotes_the_rows(tmp_path: Path) -> None:
    config = with_suite(tmp_path, "events.yaml", PRICES)
    report = validate(config, night(config, rows(5, 500, 7, 500)), NOW, tmp_path / "docs")
    (check,) = own(report)
    assert (check.suite, check.found, check.total, check.blocking) == ("events", 2, 4, True)
    assert check.examples == ("item_id 'i', price '500.0'",)  # alike rows are quoted once
    assert not report.passed
    words = str(report.error("here"))
    assert "expect_column_values_to_be_between(price)" in words
    assert "validation.own_suites" in words
    assert "500" in (tmp_path / "docs" / "own_events.html").read_text()
    assert "own_events.html" in (tmp_path / "docs" / "index.html").read_text()


@pytest.mark.parametrize(
    ("severity", "passes"), [("warning", True), ("info", True), ("critical", False)]
)
def test_severity_says_whether_the_night_stops(tmp_path: Path, severity: str, passes: bool) -> None:
    config = with_suite(tmp_path, "events.yaml", {**PRICES, "severity": severity})
    report = validate(config, night(config, rows(500)), NOW)
    assert report.passed is passes
    assert len(report.warnings) == passes
    assert not own(report)[0].passed
    assert own(report)[0].told is (severity != "info")


def test_rows_that_our_checks_refuse_are_not_a_second_fault(tmp_path: Path) -> None:
    config = with_suite(tmp_path, "events.yaml", PRICES)
    report = validate(
        config, night(config, [*rows(5), ("u", "i", DAY + 9, "purchase", NAN, 1.0)]), NOW
    )
    (check,) = own(report)
    assert check.passed
    assert check.total == 1
    assert [c.name for c in report.failed] == ["bad_price"]


def test_saved_json_is_read_and_aggregates_tell_their_figure(tmp_path: Path) -> None:
    (tmp_path / "expectations").mkdir()
    suite = {
        "name": "prices",
        "meta": {"great_expectations_version": "1.24.0"},
        "expectations": [
            {
                "type": "expect_column_mean_to_be_between",
                "kwargs": {"column": "price", "min_value": 10, "max_value": 20},
                "id": "0f3b",
                "severity": "critical",
            },
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 3}},
        ],
    }
    (tmp_path / "expectations" / "events.json").write_text(json.dumps(suite))
    config = shop_config().read_in(tmp_path)
    mean, count = own(validate(config, night(config, rows(20, 40)), NOW))
    assert (mean.passed, mean.observed) == (False, "30.0")  # (20 + 40) / 2
    assert (count.passed, count.observed) == (False, "2")


def test_times_are_compared_as_times(tmp_path: Path) -> None:
    """2026-01-05 12:00:00 and one second later: one of the two is too late."""
    bound = {"column": "timestamp", "max_value": "2026-01-05 12:00:00"}
    config = with_suite(
        tmp_path, "events.yaml", {"type": "expect_column_values_to_be_between", "kwargs": bound}
    )
    (check,) = own(validate(config, night(config, rows(1, 1)), NOW))
    assert check.found == 1
    assert "2026-01-05 12:00:01" in check.examples[0]


def test_times_with_a_zone_are_turned_to_utc(tmp_path: Path) -> None:
    """13:00 in UTC+1 is 12:00 UTC, the first of two rows a second apart: the second is later."""
    kwargs = {"column": "timestamp", "max_value": "2026-01-05T13:00:00+01:00"}
    config = with_suite(tmp_path, "events.yaml", {"type": BETWEEN, "kwargs": kwargs})
    (check,) = own(validate(config, night(config, rows(1, 1)), NOW))
    assert (check.found, check.total) == (1, 2)


def test_a_condition_names_other_columns_and_its_rows_are_quoted(tmp_path: Path) -> None:
    """Of 9, 500 and 300 the two above 10 are looked at, and one of those is above 400."""
    condition = "price > 10 and quantity == 1 and event == 'purchase'"
    kwargs = {"column": "price", "max_value": 400, "row_condition": condition}
    config = with_suite(tmp_path, "events.yaml", {"type": BETWEEN, "kwargs": kwargs})
    (check,) = own(validate(config, night(config, rows(9, 500, 300)), NOW))
    assert (check.found, check.total) == (1, 2)
    assert check.examples == ("item_id 'i', price '500.0'",)


def test_no_result_and_no_page_says_a_user_id(tmp_path: Path) -> None:
    about = {"column": "user_id", "value_set": ["nobody"]}
    config = with_suite(
        tmp_path,
        "events.yaml",
        {"type": "expect_column_most_common_value_to_be_in_set", "kwargs": about},
        {"type": "expect_column_values_to_be_in_set", "kwargs": about},
        {"type": "expect_column_distinct_values_to_be_in_set", "kwargs": about},
        {
            "type": "expect_column_value_z_scores_to_be_less_than",
            "kwargs": {"column": "user_id", "threshold": 1, "double_sided": True},
        },
    )
    found = night(config, [("ann@a.example", *GOOD[1:])])
    known = Known(pa.array(["ann@a.example"]), pa.array(["i"]))
    found = replace(found, flags=flag_rows(config, found.events, known))
    report = validate(config, found, NOW, tmp_path)
    assert not any(check.passed for check in own(report))
    said = str(own(report)) + (tmp_path / "own_events.html").read_text()
    assert "ann@a" not in said
    assert hashed_user("ann@a.example") in said


def test_items_and_users_are_looked_at_whole_and_users_are_hashed(tmp_path: Path) -> None:
    capital = {"column": "title", "regex": "^[A-Z]"}
    with_suite(
        tmp_path, "items.yaml", {"type": "expect_column_values_to_match_regex", "kwargs": capital}
    )
    config = with_suite(
        tmp_path,
        "events.yaml",
        {
            "type": "expect_column_values_to_not_be_in_set",
            "kwargs": {"column": "user_id", "value_set": ["u"]},
        },
    )
    items = [("i", "Lamp", None, None, "b", 2000.0), ("j", "chair", None, None, "b", 2000.0)]
    by_suite = {c.suite: c for c in own(validate(config, night(config, [GOOD], items), NOW))}
    assert by_suite["items"].examples == ("item_id 'j', title 'chair'",)
    assert hashed_user("u") in by_suite["events"].examples[0]


def test_an_expectation_that_fails_itself_stops_the_night_and_says_so(tmp_path: Path) -> None:
    config = with_suite(
        tmp_path,
        "events.yaml",
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "user_id", "max_value": 3},
        },
    )
    report = validate(config, night(config, [GOOD]), NOW)
    assert "the check itself failed" in own(report)[0].observed
    assert not report.passed


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("orders.yaml", "expectations: []", "events.yaml"),
        ("events.yaml", "expectations: {}", "a list"),
        ("events.yaml", "a: [", "YAML"),
        ("events.json", "{", "JSON"),
        ("events.yaml", "expectations: [{kwargs: {column: price}}]", "expectation 1"),
        ("events.yaml", "expectations: [{type: expect_prices}]", "expect_prices"),
        ("events.yaml", "expectations: [{type: unexpected_rows_expectation}]", "this table"),
        (
            "events.yaml",
            "expectations: [{type: expect_column_values_to_be_unique, kwargs: {colum: price}}]",
            "colum",
        ),
        (
            "events.yaml",
            "expectations: [{type: expect_column_values_to_be_unique, kwargs: {column: cost}}]",
            "user_id, item_id, timestamp, event, price, quantity",
        ),
        *[
            ("events.yaml", f"expectations: [{{type: {kind}, kwargs: {{{more}}}}}]", words)
            for kind, more, words in [
                ("expect_column_values_to_match_regex", "column: event, regex: '(['", "regular"),
                (
                    "expect_column_values_to_be_in_set",
                    "column: timestamp, value_set: ['2026-01-05']",
                    "min_value and max_value",
                ),
                (BETWEEN, "column: price, max_value: {$PARAMETER: top}", "a value as max_value"),
                (BETWEEN, "column: price, max_value: 1, row_condition: cost > 1", "'cost'"),
                (BETWEEN, "column: price, max_value: 1}, serverity: {info", "'serverity'"),
                (BETWEEN, "column: price, max_value: 1}, mostly: {a", "'mostly'"),
                (
                    "expect_column_values_to_match_like_pattern",
                    "column: event, like_pattern: p%",
                    "without SQL",
                ),
                (
                    "expect_column_quantile_values_to_be_between",
                    "column: price, quantile_ranges: {quantiles: [.5], value_ranges: [[1, 2]]}",
                    "quantiles",
                ),
            ]
        ],
    ],
)
def test_a_suite_that_cannot_be_run_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    config = with_suite(tmp_path, "items.yaml").read_in(tmp_path)
    (tmp_path / "expectations" / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        own_suites(config)
    assert words in str(caught.value)
    assert name in str(caught.value)
    assert "config check" in caught.value.remedy


def test_a_changed_suite_is_a_new_validation_and_none_changes_nothing(tmp_path: Path) -> None:
    assert suites_hash(shop_config().read_in(tmp_path)) == ""
    config = with_suite(tmp_path, "events.yaml", PRICES)
    before = suites_hash(config)
    with_suite(tmp_path, "events.yaml", {**PRICES, "severity": "info"})
    assert before
    assert suites_hash(config) != before
    assert suites_hash(with_suite(tmp_path, "events.yaml", own_suites=None)) == ""


def test_a_night_is_stopped_and_goes_on_when_its_suite_is_corrected(tmp_path: Path) -> None:
    """Through extract and freeze: settings and data as before, the suite alone has changed."""
    shop = LiteralShop(tmp_path, [("ann", "lamp", (1, 9), "purchase", 500)], items=["lamp"])
    shop.settings = {"events": {"price_column": "price"}}
    shop.extract(2)
    config = shop.config.read_in(tmp_path)
    night_of = (config, shop.lake, date(2026, 1, 2), datetime(2026, 1, 2, 1, tzinfo=UTC))
    with_suite(tmp_path, "events.yaml", PRICES)
    with pytest.raises(ValidationFailed, match=r"events\.expect_column_values_to_be_between"):
        freeze(*night_of)
    with_suite(tmp_path, "events.yaml", {**PRICES, "severity": "warning"})
    assert [check.blocking for check in freeze(*night_of).report.warnings] == [False]


def test_of_no_rows_only_the_size_can_be_wrong(tmp_path: Path) -> None:
    """A night without new rows has no largest price; that there is no row is another question."""
    largest = {"column": "price", "max_value": 100}
    config = with_suite(
        tmp_path,
        "events.yaml",
        {"type": "expect_column_max_to_be_between", "kwargs": largest},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
    )
    price, size = own(validate(config, night(config, []), NOW))
    assert (price.passed, price.observed) == (True, "no rows to look at")
    assert (size.passed, size.observed) == (False, "0")
