"""Launch times and flags of items: read, kept in the far future, or refused as delivered."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.errors import ValidationFailed
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from tests.snapshot.shops import LiteralShop


def on_offer(shop: LiteralShop, night: int) -> set[str]:
    """Ids of the items that lists of this night may name."""
    snapshot = shop.night(night).snapshot
    keys = np.flatnonzero(eligible_items(snapshot, snapshot.as_of))
    return set(snapshot.items["item_id"].iloc[keys])


def launching(folder: Path, launch: Any, **changes: Any) -> LiteralShop:
    """`new` launches as said; `old` sells every day."""
    shop = LiteralShop(folder, [("u", "old", (day, 5)) for day in range(1, 9)], users=["u"])
    shop.items = pd.DataFrame({"item_id": ["old", "new"], "launch": ["2026-01-01", launch]})
    shop.settings = {
        "items": {"available_from_column": "launch", **changes.pop("items", {})},
        **changes,
    }
    return shop


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "launch",
    [
        "9999-12-31",
        "9999-12-31 23:59:59",
        "9999-12-31T00:00:00Z",
        "2999-01-01",
        "2262-04-12",
        "2027-01-01",
    ],
)
def test_a_launch_in_the_far_future_stays_there(tmp_path: Path, launch: str) -> None:
    shop = launching(tmp_path, launch)
    assert on_offer(shop, 4) == {"old"}
    assert on_offer(shop, 6) == {"old"}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.timestamp("s")])
def test_so_it_does_as_a_date_of_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    """The year 9999 counted as no launch at all: tonight's, and from the second night on the item
    was listed.
    """
    shop = launching(tmp_path, None)
    days = pa.array([date(2026, 1, 1), date(9999, 12, 31)], pa.date32()).cast(kind)
    pq.write_table(
        pa.table({"item_id": ["old", "new"], "launch": days}), tmp_path / "items.parquet"
    )
    source = {
        "kind": "files",
        "events": str(tmp_path / "events.csv"),
        "items": str(tmp_path / "items.parquet"),
    }
    shop.settings["source"] = {**source, "users": str(tmp_path / "users.csv")}
    assert on_offer(shop, 4) == {"old"}
    assert on_offer(shop, 6) == {"old"}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "launch", ["1753-01-01", "0001-01-01", "1900-01-01", "1970-01-01", "2025-06-01", None]
)
def test_a_launch_long_ago_is_on_offer(tmp_path: Path, launch: str | None) -> None:
    shop = launching(tmp_path, launch)
    assert on_offer(shop, 4) >= {"old"}
    assert on_offer(shop, 6) == {"old", "new"}


UNREADABLE = [
    ("20270101", "set items.available_from_unit: yyyymmdd"),
    ("1798761600000", "set items.available_from_unit: milliseconds"),
    ("soon", "is no ISO-8601 time"),
    ("now", "is no ISO-8601 time"),
    ("01/01/2027", "is no ISO-8601 time"),
    ("2027", "looks like a year"),
    ("2027-01", "is no ISO-8601 time"),
    ("1970-01-21 19:39:21", "1970-01-21"),
    ("0", "before extract.earliest_day"),
]


FLAGS = ["sold out", "maybe", "2", "NULL", "\\N", "no stock", "-1"]


def with_many(folder: Path, column: str, values: list[str]) -> LiteralShop:
    """`old` sells every day; the other items have one of these values each."""
    shop = LiteralShop(folder, [("u", "old", (day, 5)) for day in range(1, 9)], users=["u"])
    others = [f"new{n}" for n in range(len(values))]
    fine = {"launch": "2026-01-01", "stock": "yes"}
    shop.items = pd.DataFrame({"item_id": ["old", *others]}).assign(**fine)
    shop.items[column] = [fine[column], *values]
    shop.settings = {"items": {"available_from_column": "launch", "available_column": "stock"}}
    return shop


def test_unreadable_launches_stop_the_night(tmp_path: Path) -> None:
    launches = [launch for launch, _ in UNREADABLE][:5]
    with pytest.raises(ValidationFailed) as caught:
        with_many(tmp_path, "launch", launches).night(4)
    assert (
        "items.available_from_readable: 5 of 6 rows (83.33%) (allowed: 1.00%)" in caught.value.found
    )
    for launch, words in UNREADABLE[:5]:
        assert repr(launch) in caught.value.found
        assert words in caught.value.found


def test_unreadable_flags_stop_the_night(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed) as caught:
        with_many(tmp_path, "stock", FLAGS[:4]).night(4)
    assert "items.available_readable: 4 of 5 rows (80.00%)" in caught.value.found
    assert all(repr(word) in caught.value.found for word in ("sold out", "maybe", "2", "NULL"))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("column", "values"),
    [("launch", [launch for launch, _ in UNREADABLE]), ("stock", FLAGS)],
    ids=["launch", "stock"],
)
def test_where_a_few_are_allowed_their_items_stay_out(
    tmp_path: Path, column: str, values: list[str]
) -> None:
    shop = with_many(tmp_path, column, values)
    assert on_offer(shop, 4) == {"old"}
    assert on_offer(shop, 6) == {"old"}  # nor from the night after on


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("word", "there"), [("1.0", True), (" TRUE ", True), ("0.0", False), ("No", False), ("", True)]
)
def test_the_usual_flags_are_read(tmp_path: Path, word: str, there: bool) -> None:
    shop = launching(tmp_path, "2026-01-01", items={"available_column": "stock"})
    assert isinstance(shop.items, pd.DataFrame)
    shop.items["stock"] = ["yes", word]
    assert ("new" in on_offer(shop, 4)) is there
