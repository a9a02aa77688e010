"""What is bought together and what is due again, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.arrays import Bool, Int32
from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.ids import Keys
from recsys_tasks.serving import bought
from recsys_tasks.snapshot.eligibility.user_rules import UserRules
from recsys_tasks.snapshot.events import Events

EVERY = np.ones(4, bool)


def nothing_forbidden(users: Keys, items: Int32) -> Bool:
    return np.zeros(items.shape, bool)


def purchases(*rows: tuple[int, int, int]) -> Events:
    """(user, item, day)."""
    user, item, day = np.array(sorted(rows), np.int64).T
    ones = np.ones(len(user), np.float32)
    kinds = np.zeros(len(user), np.int8)
    seconds = day * DAY_SECONDS + 3600
    return Events(user.astype(np.int32), item.astype(np.int32), seconds, kinds, ones, ones, ones)


def test_lift_is_how_much_more_often_than_chance_two_items_share_a_basket() -> None:
    """Five baskets: 01, 01, 012, 0, 2 (user 0 has two, on two days). Item 0 is in 4, 1 in 3, 2 in
    2. 0 and 1 share 3: lift 3 · 5 / (4 · 3) = 1.25; pairs with 2 share one basket each, too few.
    """
    rows = purchases(
        *((0, 0, 7), (0, 1, 7), (0, 0, 8), (0, 1, 8), (1, 0, 7), (1, 1, 7), (1, 2, 7)),
        *((1, 2, 7), (2, 0, 7), (3, 2, 9)),
    )
    found = bought.bought_together(rows, EVERY, 5, 2).to_pylist()
    one = {"lifts": [1.25], "baskets": [3]}
    assert found == [{"item_key": 0, "items": [1], **one}, {"item_key": 1, "items": [0], **one}]
    # 0 is sold out: it is named nowhere, and still has a row. With pairs of one basket: of 1 and 2
    # the lift is 1 · 5 / (3 · 2), of 0 and 2 it is 5 / (4 · 2).
    sold_out = np.array([False, True, True, True])
    found = bought.bought_together(rows, sold_out, 1, 1).to_pylist()
    assert [(row["item_key"], row["items"]) for row in found] == [(0, [1]), (1, [2]), (2, [1])]
    assert found[1]["lifts"] == pytest.approx([5 / 6])


def test_a_basket_of_a_dealer_makes_no_pairs() -> None:
    many = range(bought.LARGEST_BASKET + 1)
    rows = purchases(*((0, item, 7) for item in many), (1, 0, 7), (1, 1, 7))
    found = bought.bought_together(rows, np.ones(len(many), bool), 5, 1).to_pylist()
    assert [(row["item_key"], row["items"]) for row in found] == [(0, [1]), (1, [0])]


def item_0_of_0_and_5(users: Keys, items: Int32) -> Bool:
    return np.asarray(np.isin(users, [0, 5])[:, None] & (items == 0))


def test_due_is_what_the_user_had_a_usual_gap_ago() -> None:
    """Item 0 was bought again after 10, 10 and 30 days: its gap is 10. Item 1 after 4 and 4 days,
    one gap too few. The night is day 100: due within six days ahead, less than a whole gap ago.
    """
    again = [(9, 0, day) for day in (10, 20, 30, 60)] + [(8, 1, day) for day in (90, 94, 98)]
    last = [(0, 0, 90), (1, 0, 96), (2, 0, 97), (3, 0, 81), (4, 0, 80), (5, 0, 92), (5, 0, 91)]
    # user 0 is due today, 1 in six days, 2 in seven, 3 was nine days ago, 4 ten; 5 in two.
    found = bought.buy_again(purchases(*again, *last), EVERY, nothing_forbidden, 100, 5).to_pylist()
    assert found == [
        {"user_key": user, "items": [0], "bought": [day], "due": [day + 10], "times": [times]}
        for user, day, times in ((0, 90, 1), (1, 96, 1), (3, 81, 1), (5, 92, 2))
    ]
    found = bought.buy_again(purchases(*again, *last), EVERY, item_0_of_0_and_5, 100, 5).to_pylist()
    assert [row["user_key"] for row in found] == [1, 3]
    sold_out = np.array([False, True, True, True])
    assert (
        bought.buy_again(purchases(*again, *last), sold_out, nothing_forbidden, 100, 5).num_rows
        == 0
    )


def test_what_a_rule_keeps_from_a_user_is_not_due(again: Events) -> None:
    """Users 0 and 2 bought item 0 ten days ago; a rule keeps item 0 from user 0 by now."""
    may = np.array([[True] * 4, [False, True, True, True]])
    codes = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], np.int32)  # the last is of nobody
    rules = UserRules((codes,), (may,))
    every = bought.buy_again(again, EVERY, nothing_forbidden, 100, 5).to_pylist()
    assert [row["user_key"] for row in every] == [0, 2]
    some = bought.buy_again(again, EVERY, rules.of, 100, 5).to_pylist()
    assert [row["user_key"] for row in some] == [2]


@pytest.fixture
def again() -> Events:
    """Item 0 is bought again after ten days, by user 9."""
    gaps = [(9, 0, day) for day in (10, 20, 30, 40)]
    return purchases(*gaps, (0, 0, 90), (2, 0, 90))


def test_a_shop_where_nobody_bought_has_neither() -> None:
    empty = purchases((0, 0, 1)).of_kinds([1])
    assert bought.bought_together(empty, EVERY, 5, 1).num_rows == 0
    assert bought.buy_again(empty, EVERY, nothing_forbidden, 100, 5).num_rows == 0
