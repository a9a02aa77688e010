"""Ids with an absurd share of the rows, counted by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest

from recsys_tasks.errors import ValidationFailed, hashed_user
from recsys_tasks.snapshot.checks.frequent_ids import find_frequent_ids
from tests.snapshot.shops import LiteralShop


def rows(**extra: int) -> pa.Table:
    """40 users with 10 rows each, spread over 40 items; and so many rows of further users."""
    users = [f"u{n % 40}" for n in range(400)]
    for name, count in extra.items():
        users += [name] * count
    items = [f"i{n % 41}" for n in range(len(users))]
    return pa.table({"user_id": users, "item_id": items})


def test_a_word_with_an_absurd_share_is_no_id_and_one_with_a_usual_share_is() -> None:
    # 400 + 150 rows of 41 users: ten times the mean is 134, so 150 are absurd
    found = find_frequent_ids(rows(Null=150))
    assert found.word_share == pytest.approx(150 / 550)
    assert found.words == ("user_id 'Null': 150 rows",)
    assert find_frequent_ids(rows(none=12)).words == ()
    assert find_frequent_ids(rows(smith=150)).words == ()
    assert find_frequent_ids(rows(Null=150), ["Null"]).words == ()


def test_zero_is_an_id_where_ids_are_numbers_from_zero_on_and_a_word_elsewhere() -> None:
    """40 users `u0` … and one `0` with 150 rows; and 40 users 0, 1, …, of whom 0 has 150 more."""
    assert find_frequent_ids(rows(**{"0": 150})).words == ("user_id '0': 150 rows",)
    users = [str(n % 40) for n in range(400)] + ["0"] * 150
    numbers = pa.table({"user_id": users, "item_id": [f"i{n % 41}" for n in range(550)]})
    assert find_frequent_ids(numbers).words == ()


def test_the_largest_shares_and_no_user_id_in_words() -> None:
    found = find_frequent_ids(rows(bot=600))
    assert found.user_share == pytest.approx(600 / 1000)
    assert found.item_share == pytest.approx(25 / 1000)  # 1,000 rows over 41 items: 25 of the first
    assert found.top_user == f"{hashed_user('bot')} has 600 of 1,000 rows"
    assert "bot" not in found.top_user
    assert found.top_item == "'i0' has 25 of 1,000 rows"


def test_small_nights_and_few_users_say_nothing() -> None:
    assert math.isnan(find_frequent_ids(rows().slice(0, 100)).user_share)
    three = pa.table({"user_id": ["null", "b", "c"] * 100, "item_id": ["i", "j", "k"] * 100})
    found = find_frequent_ids(three)
    assert (math.isnan(found.user_share), found.words) == (True, ())


def test_a_night_stops_for_a_word_and_goes_on_where_it_is_a_real_id(tmp_path: Path) -> None:
    usual = [(f"u{n}", f"i{n}", (day, n)) for day in range(1, 6) for n in range(40)]
    words = [("undefined", f"i{n % 40}", (5, n)) for n in range(100)]
    shop = LiteralShop(tmp_path, usual + words, items=[f"i{n}" for n in range(40)])
    with pytest.raises(ValidationFailed, match="user_id 'undefined': 100 rows") as caught:
        shop.night(6)
    assert "source.null_words" in caught.value.remedy
    shop.settings = {"validation": {"real_ids": ["undefined"]}}
    report = shop.night(6).report
    assert [check.name for check in report.warnings] == ["one_user"]  # 100 of 300 rows
