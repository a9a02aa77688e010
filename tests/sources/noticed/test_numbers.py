"""Numbers that are read and yet wrong, told by a night and by `recsys config check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.errors import hashed_user
from recsys_tasks.snapshot.checks.results import ValidationReport
from recsys_tasks.sources.base import source_of
from tests.snapshot.shops import LiteralShop

COST = {"attributes": [{"name": "cost", "kind": "numeric"}]}


class Shop(LiteralShop):
    """300 rows of 30 users and 30 items, a unit each; `quantities` and `prices` by row."""

    quantities: dict[int, Any]
    prices: dict[int, Any]

    def deliver(self) -> None:
        super().deliver()
        path = self.folder / "events.csv"
        frame = pd.read_csv(path, dtype=str)
        frame["price"] = [str(self.prices.get(n, 5 + n % 7)) for n in range(len(frame))]
        frame["quantity"] = [str(self.quantities.get(n, 1 + n % 3)) for n in range(len(frame))]
        frame.to_csv(path, index=False)


def shop(folder: Path, **changes: Any) -> Shop:
    rows = [(f"u{n % 30}", f"i{n % 29}", (1 + n % 5, n)) for n in range(300)]
    columns = {"price_column": "price", "quantity_column": "quantity"}
    settings = {"events": columns, **changes.pop("settings", {})}
    made = Shop(folder, rows, items=[f"i{n}" for n in range(29)], settings=settings)
    made.quantities, made.prices = changes.get("quantities", {}), changes.get("prices", {})
    return made


def warnings(report: ValidationReport) -> dict[str, str]:
    return {check.name: check.observed for check in report.warnings}


def checked(made: LiteralShop) -> str:
    made.deliver()
    return "; ".join(
        text for _, text in source_of(made.config).examine(made.config, made.config.source)
    )


def test_a_usual_shop_has_no_remark(tmp_path: Path) -> None:
    assert warnings(shop(tmp_path).night(6).report) == {}


def test_one_row_of_a_hundred_thousand_units(tmp_path: Path) -> None:
    made = shop(tmp_path, quantities={77: "100000"})
    found = warnings(made.night(6).report)
    assert found["absurd_numbers"] == "events.quantity: '100000', while 99 of 100 are below 4"
    assert "'i19' has 99.4% of all units (100,017) in 10 rows" in found["unit_shares"]
    assert f"{hashed_user('u17')} has 99.4% of all units" in found["unit_shares"]
    assert "events.quantity: '100000'" in checked(made)
    made.settings |= {"validation": {"max_value_ratio": 1e6, "max_unit_share": 1}}
    assert warnings(made.night(6).report) == {}
    assert "100000" not in checked(made)


def test_a_kind_of_event_that_outweighs_all_others(tmp_path: Path) -> None:
    kinds = [{"name": "purchase"}, {"name": "gift", "weight": 100_000}]
    made = shop(tmp_path, settings={"events": {"kinds": kinds}})
    made.rows[4] = (*made.rows[4], "gift")
    told = warnings(made.night(6).report)["unit_shares"]
    assert "'i4' has 99.7% of all weight" in told


@pytest.mark.parametrize("column", ["price", "cost"])
def test_a_price_that_stands_for_something_else(tmp_path: Path, column: str) -> None:
    made = shop(tmp_path, prices={3: "99999.99"} if column == "price" else {})
    cost = ["9.90"] * 28 + ["99999.99" if column == "cost" else "8.90"]
    made.items = pd.DataFrame({"item_id": made.items, "cost": cost})
    made.settings["items"] = COST
    table = "events" if column == "price" else "items"
    assert f"{table}.{column}: '99999.99'" in warnings(made.night(6).report)["absurd_numbers"]


def test_negative_prices_and_noughts(tmp_path: Path) -> None:
    made = shop(tmp_path, prices={3: "-5.5", **{n: "0" for n in range(10, 16)}})
    night = made.night(6)
    assert night.waiting == {"bad_price": 1}
    found = warnings(night.report)
    assert found["set_aside_values"] == "events.price: 1 rows, delivered as '-5.5'"
    assert found["zero_prices"] == "events.price: 6 of 300 are 0"
    made.settings |= {"validation": {"max_zero_price_share": 0.1}}
    assert "zero_prices" not in warnings(made.night(6).report)


def test_ratings_beyond_their_scale(tmp_path: Path) -> None:
    rating: dict[str, Any] = {
        "column": "quantity",
        "levels": [{"at_least": 1, "event": "purchase"}],
    }
    made = shop(tmp_path, settings={"events": {"rating": rating}}, quantities={7: "500"})
    assert "events.rating: '500'" in warnings(made.night(6).report)["absurd_numbers"]
    rating["maximum"] = 5
    night = made.night(6)
    assert night.waiting == {"bad_rating": 1}
    assert "events.rating: 1 rows, delivered as '500'" in warnings(night.report)["set_aside_values"]


def test_a_point_before_three_digits_in_every_number(tmp_path: Path) -> None:
    made = shop(tmp_path)
    cost = [f"1.{200 + n}" for n in range(29)]
    made.items = pd.DataFrame({"item_id": made.items, "cost": cost})
    made.settings["items"] = COST
    words = (
        "items.cost: each number with a point has three digits behind it ('1.200', '1.201',"
        " '1.202'): fractions, as they are read now, or thousands?"
    )
    assert words in warnings(made.night(6).report)["ambiguous_numbers"]
    assert words in checked(made)


@pytest.mark.parametrize("other", ["0.250", "12.5", "1234", "1234.500"])
def test_a_number_that_shows_what_the_point_is(tmp_path: Path, other: str) -> None:
    made = shop(tmp_path)
    cost = [*(f"1.{200 + n}" for n in range(28)), other]
    made.items = pd.DataFrame({"item_id": made.items, "cost": cost})
    made.settings["items"] = COST
    assert "ambiguous_numbers" not in warnings(made.night(6).report)


@pytest.mark.parametrize(
    "said",
    [
        {"decimal": "."},
        {"dialects": {"items": {"decimal": "."}}},
        {"thousands": ".", "decimal": ","},
    ],
)
def test_settings_that_say_what_the_point_is(tmp_path: Path, said: dict[str, Any]) -> None:
    made = shop(tmp_path)
    made.items = pd.DataFrame({"item_id": made.items, "cost": [f"1.{200 + n}" for n in range(29)]})
    files = {n: str(tmp_path / f"{n}.csv") for n in ("events", "items")}
    made.settings |= {"items": COST, "source": {"kind": "files", **files, **said}}
    assert "thousands?" not in checked(made)
    assert "ambiguous_numbers" not in warnings(made.night(6).report)
