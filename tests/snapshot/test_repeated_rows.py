"""Exact duplicates: removed as deliveries that came twice, or kept where each row is a unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsys_tasks.errors import ValidationFailed
from tests.snapshot.shops import LiteralShop, Row

# A till: one row a unit, to the minute. Ann buys two lamps and then a third, Bob one mug.
TILL: list[Row] = [
    ("ann", "lamp", (1, 10), "purchase", 7.5),
    ("bob", "mug", (1, 11), "purchase", 2.0),
    ("ann", "lamp", (1, 10), "purchase", 7.5),
    ("ann", "lamp", (1, 12), "purchase", 7.5),
]


def shop(folder: Path, repeated: str) -> LiteralShop:
    events = {"price_column": "price", "repeated_rows": repeated}
    settings = {"events": events, "validation": {"volume_ratio": [0.001, 1000]}}
    return LiteralShop(folder, TILL, users=["ann", "bob"], items=["lamp", "mug"], settings=settings)


@pytest.mark.usefixtures("unchecked")
def test_a_shop_may_say_that_each_row_is_a_unit_and_unsay_it(tmp_path: Path) -> None:
    till = shop(tmp_path, "units")
    found = till.night(2)
    assert found.duplicates == 0 and found.snapshot.events().item.tolist() == [0, 0, 0, 1]
    till.settings = shop(tmp_path, "duplicates").settings
    found = till.night(2)
    assert found.duplicates == 1 and found.snapshot.events().item.tolist() == [0, 0, 1]


def test_duplicates_above_their_bound_name_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed) as caught:
        shop(tmp_path, "duplicates").night(2)
    assert "events.repeated" in caught.value.found
    assert "events.repeated_rows: units" in caught.value.remedy
    other = tmp_path / "other"
    other.mkdir()
    assert shop(other, "units").night(2).rows == 4
