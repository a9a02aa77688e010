"""A user or an item that stands apart from all others: a till, a till's `walk-in` customer, a test
account whose id is no word that one could know.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from recsys_tasks.errors import hashed_user
from tests.snapshot.shops import LiteralShop, Row


def usual() -> list[Row]:
    """3,000 rows of 300 users with 10 rows each, over 5 days and 100 items."""
    return [(f"u{n % 300}", f"i{(n * 7) % 100}", (1 + n % 5, n)) for n in range(3000)]


def warned(shop: LiteralShop) -> dict[str, str]:
    return {check.name: check.observed for check in shop.night(6).report.warnings}


@pytest.mark.parametrize("table", ["user", "item"])
def test_three_per_cent_of_the_rows_by_one_id_are_told(tmp_path: Path, table: str) -> None:
    """Neither a word for a missing id nor a tenth of the rows: only these were looked for."""
    if table == "user":
        more: list[Row] = [("till-7", f"i{n % 100}", (1 + n % 5, n)) for n in range(100)]
        rows, words = usual() + more, f"{hashed_user('till-7')} has 100 of 3,100 rows, 10 times"
    else:
        rest = [(f"u{n}", "bag", (1 + n % 5, n)) for n in range(250)]
        rows, words = usual() + rest, "'bag' has 250 of 3,250 rows, 8 times"
    items = [*(f"i{n}" for n in range(100)), "bag"]
    shop = LiteralShop(tmp_path, rows, items=items)
    found = warned(shop)
    assert list(found) == ["apart_ids"]
    assert words in found["apart_ids"] and "till-7" not in found["apart_ids"]
    shop.settings |= {"validation": {"max_times_next": 20}}
    assert warned(shop) == {}


def test_the_best_of_many_good_customers_is_no_placeholder(tmp_path: Path) -> None:
    best = [("best", f"i{n % 100}", (1 + n % 5, n)) for n in range(90)]
    good = [("good", f"i{n % 100}", (1 + n % 5, n)) for n in range(40)]
    items = [f"i{n}" for n in range(100)]
    assert warned(LiteralShop(tmp_path, usual() + best + good, items=items)) == {}
