"""Every check of the settings, on rows whose faults are counted by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from recsys_tasks import schema
from recsys_tasks.config import Config
from recsys_tasks.snapshot.checks.entity_checks import entity_checks
from recsys_tasks.snapshot.checks.event_checks import event_checks
from recsys_tasks.snapshot.checks.frames import NightRows
from recsys_tasks.snapshot.checks.losses import Losses
from recsys_tasks.snapshot.checks.night_checks import night_checks
from recsys_tasks.snapshot.checks.remedies import remedy_for
from recsys_tasks.snapshot.checks.results import CheckResult, ValidationReport
from recsys_tasks.snapshot.checks.row_rules import Known, flag_rows
from recsys_tasks.snapshot.checks.validate import validate
from tests.worlds import make_config

NOW = datetime(2026, 1, 6, 1, tzinfo=UTC)
GOOD = ("u", "i", 1_767_614_400, "purchase", 1.0, 1.0)
NAN = float("nan")


def shop_config(**validation: object) -> Config:
    numeric = {"name": "year", "kind": "numeric", "minimum": 1900, "maximum": 2100}
    return make_config(
        events={"price_column": "price", "quantity_column": "quantity"},
        items={
            "title_column": "name",
            "attributes": [{"name": "brand", "kind": "categorical", "required": True}, numeric],
        },
        validation=validation,
    )


def night(
    config: Config,
    rows: list[tuple[Any, ...]],
    items: list[tuple[Any, ...]] | None = None,
    **figures: Any,
) -> NightRows:
    names = schema.RAW_EVENTS.schema.names
    events = pa.table(
        {n: [r[k] for r in rows] for k, n in enumerate(names)}, schema=schema.RAW_EVENTS.schema
    )
    contract = schema.raw_items(
        config
    ).schema  # item_id, title, available_from, available, brand, year, faults
    items = items or [("i", "Lamp", None, None, "b", 2000.0)]
    table = pa.table(
        {n: [dict(enumerate(r)).get(k) for r in items] for k, n in enumerate(contract.names)},
        contract,
    )
    facts: dict[str, Any] = {"newest_day_rows": 10, "usual_rows": 10.0, "future_rows": 0, **figures}
    known = Known(pa.array(["u"]), pa.array(["i"]))
    users = pa.table({"user_id": ["u"]})
    return NightRows(
        date(2026, 1, 6),
        ("2026-01-05",),
        events,
        flag_rows(config, events, known),
        users,
        table,
        **facts,
    )


def by_name(report: ValidationReport) -> dict[str, CheckResult]:
    return {f"{check.suite}.{check.name}": check for check in report.checks}


FAULTY = [
    *[GOOD] * 3,  # two duplicates
    (None, "i", 1, "purchase", 1.0, 1.0),
    ("", "i", 2, "purchase", 1.0, 1.0),
    ("u", None, 3, "purchase", 1.0, 1.0),
    ("u", "i", None, "purchase", 1.0, 1.0),
    ("u", "x" * 300, 4, "purchase", 1.0, 1.0),  # overlong, and unknown
    ("v", "i", 5, "purchase", 1.0, 1.0),
    ("u", "i", 6, "theft", 1.0, 1.0),
    ("u", "i", 7, None, 1.0, 1.0),
    ("u", "i", 8, "purchase", -0.5, 1.0),
    ("u", "i", 9, "purchase", NAN, 1.0),
    ("u", "i", 10, "purchase", None, float("inf")),
    ("u\0", "i", 11, "purchase", 1e300, 1.0),  # unknown, too
]
EXPECTED = {
    "missing_user": 2,
    "missing_item": 1,
    "missing_time": 1,
    "overlong_id": 1,
    "unstorable": 1,
    "unknown_event": 2,
    "unknown_user": 2,
    "unknown_item": 1,
    "repeated": 2,
    "bad_price": 3,
    "bad_quantity": 1,
}


def test_faults_are_counted_row_by_row() -> None:
    config = shop_config()
    checks = by_name(validate(config, night(config, FAULTY), NOW))
    assert {name: checks[f"events.{name}"].found for name in EXPECTED} == EXPECTED
    assert checks["events.columns"].passed
    assert checks["events.unknown_event"].examples == ("'theft'", "''")
    assert checks["events.bad_price"].examples == ("'-0.5'", "unreadable")
    assert not any(checks[f"events.{name}"].passed for name in EXPECTED)  # shares of 7 % and more


def test_shares_of_a_big_night_say_the_same() -> None:
    config = shop_config(max_unknown_item_share=0.5)
    rows = by_name(validate(config, night(config, FAULTY), NOW))
    shares = by_name(validate(config, night(config, FAULTY), NOW, limit=5))
    for name, found in EXPECTED.items():
        share = shares[f"events.{name}"]
        assert (share.found, share.total, share.passed) == (
            found,
            15,
            rows[f"events.{name}"].passed,
        )
    assert shares["events.unknown_item"].passed


@pytest.mark.parametrize(("share", "passed"), [(0.07, False), (0.08, True)])
def test_a_share_may_reach_its_bound(share: float, passed: bool) -> None:
    config = shop_config(max_unknown_event_share=share)
    rows = [
        ("u", "i", second, "theft" if second < 2 else "purchase", 1.0, 1.0) for second in range(26)
    ]
    # 2 of 26 rows are 7.7 %
    assert (
        by_name(validate(config, night(config, rows), NOW))["events.unknown_event"].passed is passed
    )


def test_figures_of_the_night() -> None:
    config = shop_config()
    bad = by_name(
        validate(
            config, night(config, [GOOD], newest_day_rows=0, usual_rows=10.0, future_rows=1), NOW
        )
    )
    assert not bad["night.fresh"].passed
    assert bad["night.volume"].passed  # no rows: freshness says so, a ratio would say it twice
    assert not bad["night.future"].passed
    low = by_name(validate(config, night(config, [GOOD], newest_day_rows=1, usual_rows=10.0), NOW))
    assert not low["night.volume"].passed  # 0.1 of the usual rows; at least 0.2 is asked
    closed = by_name(
        validate(config, night(config, [GOOD], newest_day_rows=None, usual_rows=None), NOW)
    )
    assert closed["night.fresh"].passed
    assert closed["night.fresh"].observed == "does not apply tonight"


def test_items_and_their_attributes() -> None:
    config = shop_config()
    items = [
        ("i", "Lamp", None, None, "b", 2000.0),
        ("i", None, None, None, "b", 1800.0),
        ("j", None, None, None, None, NAN),
        ("k", None, None, None, "b", None),
        (None, "Mug", None, None, "b", 2000.0),
    ]
    report = validate(config, night(config, [GOOD], items), NOW)
    checks = by_name(report)
    assert checks["items.missing_id"].found == 1
    assert (checks["items.repeated_id"].found, checks["items.repeated_id"].examples) == (
        1,
        ("'i'",),
    )
    assert (checks["items.has_brand"].found, checks["items.has_brand"].blocking) == (1, True)
    assert checks["items.year_range"].found == 2  # 1800 and the unreadable one
    assert [check.name for check in report.warnings] == ["shown_title"]  # 3 of 5 have none
    assert ValidationReport.from_dict(report.as_dict()) == report


def test_what_cannot_be_stored_is_refused_with_its_row() -> None:
    config = make_config(
        users={"segment_by": "land", "attributes": [{"name": "land", "kind": "categorical"}]},
        items={"title_column": "name", "attributes": [{"name": "first", "kind": "categorical"}]},
    )
    items = [
        ("i", "Lamp\0", None, None, "b"),
        ("j", "Sofa", None, None, "b\0"),
        ("k", "Mug", None, None, "b"),
    ]
    users = pa.table({"user_id": ["u", "v\0", "w"], "land": ["x" * 257, "NL", None]})
    checks = by_name(validate(config, replace(night(config, [GOOD], items), users=users), NOW))
    assert checks["items.unstorable"].found == 2
    assert checks["items.unstorable"].examples == ("'i', 'title: a NUL'", "'j', 'first: a NUL'")
    assert checks["users.unstorable"].found == 2
    assert "'land: too long for a segment'" in checks["users.unstorable"].examples[0]
    assert checks["items.has_first"].found == 0  # an attribute's name is no name of ours
    assert checks["items.repeated_id"].passed


def test_numbers_that_are_none_are_quoted_as_they_were_delivered() -> None:
    config = shop_config()
    items = [("i", "Lamp", None, None, "b", NAN), ("j", "Mug", None, None, "b", float("inf"))]
    faulty = night(config, [("u", "i", 1, "purchase", NAN, 1.0)], items)
    odd = {"events.price": ("'5,50'",), "items.year": ("'NULL'", "'inf'")}
    for limit in (10, 0):
        checks = by_name(validate(config, replace(faulty, odd_values=odd), NOW, limit=limit))
        assert checks["events.bad_price"].examples == ("delivered as '5,50'",)
        assert checks["items.year_range"].found == 2
        assert checks["items.year_range"].examples == ("'i'", "'j'", "delivered as 'NULL', 'inf'")


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("U ", "and without the spaces"),
        ("u ", "without the spaces"),
        ("'u'", "without quotes"),
        ("u.0", "without '.0'"),
    ],
)
def test_ids_that_are_nearly_known_say_how_they_differ(user: str, words: str) -> None:
    config = shop_config()
    rows = [(user, "i", second, "purchase", 1.0, 1.0) for second in range(9)]
    check = by_name(validate(config, night(config, rows), NOW))["events.unknown_user"]
    assert "1 of 1 such ids are known" in check.observed
    assert words in check.observed


def test_every_check_that_stops_a_night_names_a_way_on_that_exists() -> None:
    config = shop_config()
    stopping = [
        *night_checks(config),
        *event_checks(config),
        *entity_checks(config, "users"),
        *entity_checks(config, "items"),
    ]
    for check in (c for c in stopping if c.blocking):
        remedy = remedy_for([(check.suite, check.name)], date(2026, 1, 6))
        assert "recsys run --as-of 2026-01-06" in remedy
        for bound in re.findall(r"validation\.(\w+)", remedy):
            assert bound in type(config.validation).model_fields
    repeated = remedy_for([("items", "repeated_id")], date(2026, 1, 6))
    assert "validation." not in repeated
    assert "one row for each id" in repeated


def test_a_night_of_accepted_losses_warns_and_passes() -> None:
    lost = Losses(
        {"rows_lost": 1.0}, {"rows_lost": "2026-01-03 had 9 rows and has 0"}, {"rows_lost": 9}
    )
    for accepted, passes in (((), False), (("2026-01-06",), True), (("2026-01-07",), False)):
        config = shop_config(accepted_losses=accepted)
        report = validate(config, replace(night(config, [GOOD] * 1), losses=lost), NOW)
        check = by_name(report)["night.rows_lost"]
        assert (check.passed, check.found, report.passed) == (False, 9, passes)
        assert check.observed == "2026-01-03 had 9 rows and has 0"
