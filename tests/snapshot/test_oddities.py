"""Values that no reading makes sense of: a check of their own tells of them, and a remedy that
helps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.config import parse_config
from recsys_tasks.errors import ConfigError, SchemaError, ValidationFailed
from tests.snapshot.shops import LiteralShop, second
from tests.worlds import make_config

VIEWS = {"event": "view", "position_column": "place"}


def refused(shop: LiteralShop) -> ValidationFailed:
    with pytest.raises(ValidationFailed) as caught:
        shop.night(6)
    return caught.value


def shop_of_views(folder: Path, places: list[str]) -> LiteralShop:
    """A row that acts and one that shows a day; the shop has no column of quantities."""

    class Views(LiteralShop):
        def deliver(self) -> None:
            super().deliver()
            rows = [("ann", "lamp", second(5, 9), "purchase", "none")]
            rows += [("ann", "lamp", second(5, n), "view", place) for n, place in enumerate(places)]
            frame = pd.DataFrame(
                rows, columns=["user_id", "item_id", "timestamp", "event", "place"]
            )
            frame.to_csv(self.folder / "events.csv", index=False)

    settings: dict[str, Any] = {
        "events": {"impressions": VIEWS},
        "validation": {"allow_empty_days": True},
    }
    return Views(folder, items=["lamp"], settings=settings)


@pytest.mark.parametrize("place", ["0", "-1", "first", "inf", "1e300"])
def test_a_place_that_is_none_stops_the_night_and_is_quoted(tmp_path: Path, place: str) -> None:
    error = refused(shop_of_views(tmp_path, ["1", place]))
    assert "events.bad_position: 1 of 3 rows" in error.found
    assert f"'{place}'" in error.found
    assert "bad_quantity" not in str(error)
    assert "from 1" in error.remedy


def test_places_from_one_and_missing_ones_pass(tmp_path: Path) -> None:
    night = shop_of_views(tmp_path, ["1", "2.5", "", "40"]).night(6)
    assert (night.rows, dict(night.waiting)) == (1, {})


@pytest.mark.parametrize("column", ["available", "launch"])
def test_the_remedy_of_an_unreadable_flag_or_launch_names_what_is_read(
    tmp_path: Path, column: str
) -> None:
    items = pd.DataFrame({"item_id": ["lamp", "sofa"], column: ["sold out", "soon"]})
    declared = (
        {"available_column": column} if column == "available" else {"available_from_column": column}
    )
    shop = LiteralShop(
        tmp_path, [("ann", "lamp", (5, 1))], items=items, settings={"items": declared}
    )
    error = refused(shop)
    assert "minimum" not in error.remedy
    assert ("yes or no" if column == "available" else "items.available_from_unit") in error.remedy


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ({"name": "title", "kind": "numeric"}, "'title' is text that people read, not numeric"),
        (
            {"name": "cost", "kind": "numeric", "minimum": 5, "maximum": 1},
            "at least 5 and at most 1",
        ),
        ({"name": "cost", "kind": "numeric", "minimum": float("nan")}, "finite number"),
        (
            {"name": "tags", "kind": "multi", "separator": ""},
            "separator: String should have at least 1",
        ),
    ],
)
def test_an_attribute_that_no_value_can_fit_is_refused_with_the_settings(
    attribute: dict[str, Any], words: str
) -> None:
    raw = make_config().model_dump()
    with pytest.raises(ConfigError) as caught:
        parse_config({**raw, "items": {**raw["items"], "attributes": [attribute]}})
    assert words in caught.value.found


@pytest.mark.parametrize(("user", "item"), [("  ", "lamp"), ("ann", "\t")])
@pytest.mark.parametrize("listed", [True, False])
def test_an_id_of_blanks_alone_is_a_missing_one(
    tmp_path: Path, user: str, item: str, listed: bool
) -> None:
    rows = [("ann", "lamp", (5, 1)), (user, item, (5, 2))]
    error = refused(LiteralShop(tmp_path, rows, users=["ann"] if listed else None, items=["lamp"]))
    assert f"events.missing_{'user' if user.isspace() else 'item'}: 1 of 2 rows" in error.found
    error = refused(LiteralShop(tmp_path, rows[:1], users=["ann", user], items=["lamp", item]))
    assert f"{'users' if user.isspace() else 'items'}.missing_id: 1 of 2 rows" in error.found


@pytest.mark.parametrize(
    ("texts", "found", "remedy"),
    [
        (["46082.0658", "46073.25"], "days as Excel counts them", "events.timestamp_unit"),
        (["01/31/2026", "02/28/2026"], "no ISO-8601 time", "deliver 2026"),
        (["", ""], "all of them are missing", "deliver 2026"),
    ],
)
def test_a_night_without_any_time_is_told_what_helps(
    tmp_path: Path, texts: list[str], found: str, remedy: str
) -> None:
    shop = LiteralShop(tmp_path, [("ann", "lamp", text) for text in texts], items=["lamp"])
    with pytest.raises(SchemaError) as caught:
        shop.night(6)
    assert found in caught.value.found
    assert remedy in caught.value.remedy
    assert ("timestamp_unit" in caught.value.remedy) == (texts[0][:2] == "46")
