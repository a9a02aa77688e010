"""A night stops at ids that a spreadsheet has shortened, in each table, and says what to do."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from recsys_tasks.errors import ValidationFailed, hashed_user
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.sources.base import open_source
from tests.snapshot.shops import LiteralShop
from tests.worlds import make_config

ROUNDED = [f"{1_234_567_890_123_45 + n}0000" for n in range(12)]
ALLOWED = {"validation": {"allow_shortened_ids": True}}
Ids = list[str]


def refused(shop: LiteralShop) -> ValidationFailed:
    with pytest.raises(ValidationFailed) as caught:
        shop.night(6)
    return caught.value


def shop(folder: Path, users: Ids, items: Ids, listed: bool = True) -> LiteralShop:
    """A row for each user; `listed`: there is a table of users."""
    rows = [(user, items[n % len(items)], (5, n)) for n, user in enumerate(users)]
    return LiteralShop(folder, rows, users=sorted(set(users)) if listed else None, items=items)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("short", [["4.00638E+12"], ["1,00E+05", "3,2E+06"], ROUNDED])
def test_users_that_became_one(tmp_path: Path, short: Ids, listed: bool) -> None:
    error = refused(shop(tmp_path, ["ann", "bob", *short], ["lamp"], listed))
    assert f"events.shortened_id: {len(short)} of {len(short) + 2} rows" in error.found
    assert f"'{short[0]}'" in error.found
    assert ("users.shortened_id" in error.found) == listed
    assert "as text" in error.remedy
    assert "validation.allow_shortened_ids: true" in error.remedy
    assert "unknown_user" not in error.found


@pytest.mark.parametrize("short", [["4.00638E+12"], ROUNDED])
def test_items_that_became_one(tmp_path: Path, short: Ids) -> None:
    error = refused(shop(tmp_path, ["ann", "bob"], ["lamp", *short]))
    assert f"items.shortened_id: {len(short)} of {len(short) + 1} rows" in error.found
    assert f"'{short[0]}'" in error.found


def test_ids_of_events_alone_are_no_unknown_ones(tmp_path: Path) -> None:
    made = shop(tmp_path, ["ann", "bob"], ["lamp"])
    made.rows.append(("ann", "4.00638E+12", (5, 9)))
    error = refused(made)
    assert "events.shortened_id: 1 of 3 rows" in error.found
    assert "unknown_item" not in error.found


def test_a_few_rows_are_set_aside_and_counted_and_none_of_them_is_an_item(tmp_path: Path) -> None:
    made = shop(tmp_path, [f"u{n}" for n in range(150)], ["lamp"], listed=False)
    made.rows.append(("4.00638E+12", "lamp", (5, 400)))
    night = made.night(6)
    assert night.waiting == {"shortened_id": 1}
    assert "4.00638E+12" not in night.snapshot.users["user_id"].tolist()


def test_one_of_many_items_is_left_out_and_told(tmp_path: Path) -> None:
    items = [*(f"{n}" for n in range(899_800, 900_000)), "9.1E+05"]
    night = shop(tmp_path, ["ann"], items).night(6)
    assert "9.1E+05" not in night.snapshot.items["item_id"].tolist()
    (told,) = [check.sentence() for check in night.report.warnings]
    assert "night.shortened_ids: 1 of 201 items, e.g. '9.1E+05', are in no list" in told


def test_an_item_that_r_wrote_is_whole(tmp_path: Path) -> None:
    """R writes 900000, and no other number, as 9e+05, in each table."""
    made = shop(tmp_path, ["ann"], [*(f"{n}" for n in range(899_800, 900_000)), "9e+05"])
    made.rows.append(("ann", "9e+05", (5, 9)))
    night = made.night(6)
    assert "9e+05" in night.snapshot.items["item_id"].tolist()
    assert night.waiting == {} and not night.report.warnings


def test_ids_that_are_the_shops_own_are_accepted_by_a_setting(tmp_path: Path) -> None:
    made = shop(tmp_path, ["ann", *ROUNDED], ["lamp", "4.00638E+12"], listed=False)
    refused(made)
    made.settings = ALLOWED
    night = made.night(6)
    assert (night.rows, dict(night.waiting)) == (13, {})
    assert set(ROUNDED) < set(night.snapshot.users["user_id"])


@pytest.mark.parametrize("listed", [True, False])
def test_the_same_id_as_a_float_and_as_a_whole_number(tmp_path: Path, listed: bool) -> None:
    error = refused(shop(tmp_path, ["123.0", "123", "124"], ["lamp"], listed))
    assert "events.shortened_id: 1 of 3 rows" in error.found
    assert hashed_user("123.0") in error.found
    assert "'123.0'" not in error.found
    (tmp_path / "items").mkdir()
    items = refused(shop(tmp_path / "items", ["ann"], ["7", "7.0", "8.0"]))
    assert "items.shortened_id: 1 of 3 rows" in items.found
    assert "'7.0'" in items.found


def test_a_database_that_lost_digits(tmp_path: Path) -> None:
    """SQLite writes 15 digits of a number that is no whole one to it."""
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE events (user_id REAL, item_id, timestamp INTEGER)")
        rows = [(1.2345678901234567e18 + 2**20 * n, "lamp", 1_767_614_400 + n) for n in range(9)]
        database.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
    source = {"kind": "sql", "url": f"sqlite://{tmp_path}/shop.db", "events": "events"}
    config = make_config(source=source, clock="simulated", events={"event_column": None})
    night, now, lake = date(2026, 1, 6), datetime(2026, 1, 6, 1, tzinfo=UTC), Lake(tmp_path / "l")
    extract(config, lake, open_source(config, tmp_path), night, now)
    with pytest.raises(ValidationFailed, match=r"shortened_id: 9 of 9 rows.*e\+18'"):
        freeze(config, lake, night, now)
