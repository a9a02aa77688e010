"""Deliveries that lost rows stop the night, tell how to go on, and spoil no later night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys_tasks.errors import ValidationFailed
from recsys_tasks.snapshot.checks.losses import Losses, find_losses
from recsys_tasks.snapshot.erased_users import read_erased, remember
from recsys_tasks.snapshot.freeze import FreezeResult
from tests.snapshot.shops import LiteralShop, Row

ITEMS = [f"i{n:02d}" for n in range(40)]
USERS = [f"u{n:02d}" for n in range(30)]


def shop(folder: Path, **validation: Any) -> LiteralShop:
    # 30 rows on each of the days 1 to 9
    rows: list[Row] = [
        (user, ITEMS[n], (day, n)) for day in range(1, 10) for n, user in enumerate(USERS)
    ]
    return LiteralShop(folder, rows, users=USERS, items=ITEMS, settings={"validation": validation})


def refused(delivered: LiteralShop, day: int) -> ValidationFailed:
    with pytest.raises(ValidationFailed) as caught:
        delivered.night(day)
    return caught.value


def observed(night: FreezeResult, name: str) -> str:
    return next(check.observed for check in night.report.checks if check.name == name)


def test_a_truncated_items_table_stops_the_night_and_the_next(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    assert observed(delivered.night(8), "items_gone") == "does not apply tonight"
    delivered.items, delivered.rows = (
        ITEMS[:6],
        [row for row in delivered.rows if row[1] in ITEMS[:6]],
    )
    delivered.rows += [(user, ITEMS[n % 6], (8, n)) for n, user in enumerate(USERS)]
    delivered.settings = {"validation": {"max_lost_row_share": 1.0, "volume_ratio": [0.01, 9]}}
    error = refused(delivered, 9)
    assert "34 of 40 items of night 2026-01-08 are not in tonight's table (85.00%)" in error.found
    assert "'2026-01-09'" in error.remedy
    assert "validation.accepted_losses" in error.remedy
    assert (
        "34 of 40 items of night 2026-01-08" in refused(delivered, 10).found
    )  # what was refused is no measure


def test_a_night_that_a_person_accepted_passes_and_is_the_next_ones_measure(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    delivered.night(8)
    delivered.items = ITEMS[:30]
    assert "10 of 40 items" in refused(delivered, 9).found
    quiet = {"max_unknown_item_share": 1.0}
    delivered.settings = {
        "validation": {**quiet, "accepted_losses": [date(2026, 1, 9)]}
    }  # as YAML reads it
    night = delivered.night(9)
    assert [check.name for check in night.report.warnings] == ["items_gone"]
    assert night.snapshot.items["available"].sum() == 30
    assert observed(delivered.night(10), "items_gone").startswith(
        "0 of 30 items of night 2026-01-09"
    )


def test_a_delta_delivery_stops_the_night_and_leaves_the_days_as_they_were(tmp_path: Path) -> None:
    delivered = shop(tmp_path, allow_empty_days=True)
    everything = delivered.rows
    delivered.night(8)
    delivered.rows = [row for row in everything if row[2][0] == 8]
    found = refused(delivered, 9).found
    assert "2026-01-05 had 30 rows and has 0" in found
    assert "100.00%" in found
    delivered.rows = [row for row in everything if row[2][0] == 9]
    assert "night.rows_lost" in refused(delivered, 10).expected
    delivered.rows = (
        everything  # the whole delivery again, when the emptied days are older than the lookback
    )
    night = delivered.night(10)
    assert {
        day.day: night.snapshot.rows_between(day, day.replace(day=day.day + 1))
        for day in night.snapshot.parts
    } == (dict.fromkeys(range(1, 10), 30))


# --- what is compared, without the checks ---------------------------------------------------------


def losses(delivered: LiteralShop, day: int) -> Losses:
    """What a night's extract lacks."""
    extracted = delivered.extract(day)
    tables = [delivered.lake.get(reference) for reference in (extracted.users, extracted.items)]
    users, items = (pq.read_table(table.file(f"{table.kind[4:]}.parquet")) for table in tables)
    return find_losses(delivered.config, delivered.lake, extracted, users, items)


@pytest.mark.usefixtures("unchecked")
def test_one_item_may_always_go(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    delivered.night(8)
    delivered.items = ITEMS[:39]
    found = losses(delivered, 9)
    assert (found.shares["items_gone"], found.counts["items_gone"]) == (0.0, 1)
    assert found.words["items_gone"].startswith("1 of 40 items")


@pytest.mark.usefixtures("unchecked")
def test_users_that_are_gone_are_told_without_their_ids(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    delivered.night(8)
    delivered.users = USERS[:9]
    found = losses(delivered, 9)
    assert found.shares["users_gone"] == 0.7
    assert "user#" in found.words["users_gone"]
    assert "u29" not in found.words["users_gone"]


@pytest.mark.usefixtures("unchecked")
def test_a_home_without_these_facts_is_measured_by_its_extracts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = shop(tmp_path)
    monkeypatch.setattr("recsys_tasks.snapshot.freeze.TABLES", "unknown")
    monkeypatch.setattr("recsys_tasks.snapshot.freeze.LATE", "unknown, too")
    delivered.night(8)
    delivered.items, delivered.rows = ITEMS[:30], [*delivered.rows, ("u00", "i00", (1, 900))]
    found = losses(delivered, 9)
    assert found.counts == {
        "rows_lost": 0,
        "items_gone": 10,
        "users_gone": 0,
    }  # what came late before is not known


@pytest.mark.usefixtures("unchecked")
def test_a_delta_delivery_under_other_settings_is_seen_too(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    delivered.night(8)
    delivered.rows = [row for row in delivered.rows if row[2][0] == 8]
    delivered.settings = {"items": {"attributes": [{"name": "colour", "kind": "categorical"}]}}
    delivered.items = pd.DataFrame({"item_id": ITEMS, "colour": "red"})
    found = losses(delivered, 9)
    assert found.shares["rows_lost"] == 1.0
    assert found.words["rows_lost"].startswith("2026-01-01 had 30 rows and has 0")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("kept", "share", "lost"),
    [
        (lambda day, n: (day, n) != (6, 3), 1 / 30, 1),  # below: one row may always be cancelled
        (lambda day, n: (day, n) not in {(6, 3), (6, 4)}, 2 / 30, 2),
        (lambda day, n: day != 6, 1.0, 30),
        (lambda day, n: True, 0.0, 0),
    ],
)
def test_the_day_that_lost_most_counts(
    tmp_path: Path, kept: Callable[[int, int], bool], share: float, lost: int
) -> None:
    delivered = shop(tmp_path)
    delivered.night(8)
    delivered.rows = [row for row in delivered.rows if kept(*row[2])]
    found = losses(delivered, 9)
    assert found.counts["rows_lost"] == lost
    assert found.shares["rows_lost"] == pytest.approx(share if lost > 1 else 0.0)


@pytest.mark.usefixtures("unchecked")
def test_days_of_few_rows_are_looked_at_together(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    everything = [row for row in delivered.rows if row[2][1] < 3]  # three rows a day
    delivered.rows = everything
    delivered.night(8)
    delivered.rows = [row for row in everything if row[2] not in {(6, 0), (7, 1)}]
    assert losses(delivered, 9).shares["rows_lost"] == pytest.approx(2 / 6)
    delivered.rows = [row for row in everything if row[2][0] < 5]
    assert losses(delivered, 9).shares["rows_lost"] == 1.0


@pytest.mark.usefixtures("unchecked")
def test_rows_that_come_too_late_are_counted_once(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    delivered.night(7)
    assert losses(delivered, 8).words["rows_late"] == "no row came too late"
    delivered.rows += [(USERS[n], ITEMS[n], (1, 500 + n)) for n in range(3)]
    found = losses(delivered, 8)
    assert found.counts["rows_late"] == 3
    assert "the oldest of 2026-01-01, 7 days before this night" in found.words["rows_late"]
    delivered.night(8)
    delivered.rows += [("u00", "i00", (2, 600))]
    assert (
        losses(delivered, 9).counts["rows_late"] == 1
    )  # of a night that was accepted no row is told again
    delivered.settings = {"extract": {"lookback_days": 8}}  # as the error says
    extracted = delivered.extract(9)
    assert (extracted.late, delivered.lake.get(extracted.parts[date(2026, 1, 1)]).rows) == ({}, 33)


def test_an_erased_users_rows_are_not_late(tmp_path: Path) -> None:
    delivered = shop(tmp_path)
    delivered.extract(8)
    remember(
        delivered.lake,
        read_erased(delivered.lake),
        "u00",
        0,
        datetime(2026, 1, 8, tzinfo=UTC),
        "test",
    )
    delivered.rows += [("u00", "i00", (1, 900 + n)) for n in range(9)]
    assert delivered.extract(9).late == {}
