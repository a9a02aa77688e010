"""How declared columns changed since the last night, on tables counted by hand."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.errors import ValidationFailed
from recsys_tasks.snapshot.checks.column_drift import Drifts, find_drift
from recsys_tasks.snapshot.extract_result import open_extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.snapshot.tonight import base_snapshot, read_tonight
from tests.snapshot.shops import LiteralShop

ATTRIBUTES = [
    {"name": "brand", "kind": "categorical"},
    {"name": "tags", "kind": "multi"},
    {"name": "price", "kind": "numeric"},
]


def items(n: int = 300, **columns: Any) -> pd.DataFrame:
    """`n` items: two brands in halves, a tag of one half and one of the other, prices 1 to n."""
    healthy = {
        "item_id": [f"i{k}" for k in range(n)],
        "brand": ["a", "b"] * (n // 2),
        "tags": ["red|cheap", "blue|cheap"] * (n // 2),
        "price": [float(k + 1) for k in range(n)],
    }
    return pd.DataFrame({**healthy, **columns})


def shop_of(folder: Path, **validation: Any) -> LiteralShop:
    folder.mkdir(exist_ok=True)
    rows = [(f"u{n}", f"i{n}", (day, n)) for day in range(1, 8) for n in range(30)]
    settings = {"items": {"attributes": ATTRIBUTES}, "validation": validation}
    shop = LiteralShop(folder, rows, items=items(), settings=settings)
    shop.night(6)
    return shop


def drift_on(shop: LiteralShop, day: int, delivered: pd.DataFrame) -> Drifts:
    """What the checks of a night compare, before anything is frozen."""
    shop.items = delivered
    shop.extract(day)
    as_of, config, lake = date(2026, 1, day), shop.config, shop.lake
    tonight = read_tonight(
        config, lake, open_extract(lake, as_of), base_snapshot(config, lake, as_of)
    )
    return find_drift(config, lake, as_of, tonight.users, tonight.items)


@pytest.mark.usefixtures("unchecked")
def test_the_same_table_and_a_few_new_items_are_no_drift(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    for delivered in (items(), items(310)):
        found = drift_on(shop, 7, delivered)
        assert [one.column for one in found.columns] == ["items.brand", "items.tags", "items.price"]
        assert found.worst("column_drift") < 0.01
        assert (found.worst("new_values"), found.worst("missing_rise")) == (0, 0)


@pytest.mark.usefixtures("unchecked")
def test_each_figure_by_hand(tmp_path: Path) -> None:
    """Brands: 240 a, 30 c (new), 30 missing: of 270 values 30 are new, and 30 of 300 rows lack one.
    Prices in cents: nearly all lie in the largest tenth. Tags: cheap is gone."""
    delivered = items(
        brand=["a"] * 240 + ["c"] * 30 + [None] * 30,
        tags=["red", "blue"] * 150,
        price=[100.0 * (k + 1) for k in range(300)],
    )
    brand, tags, price = drift_on(shop_of(tmp_path), 7, delivered).columns
    assert brand.new_values == pytest.approx(30 / 270)
    assert (brand.missing_before, brand.missing_now, brand.missing_rise) == (0, 0.1, 0.1)
    # shares before .5, .5, 0 and now .8889, 0, .1111; an empty bin counts as .0001
    shares = [(0.5, 240 / 270), (0.5, 1e-4), (1e-4, 30 / 270)]
    assert brand.psi == pytest.approx(sum((b - a) * math.log(b / a) for a, b in shares), rel=1e-3)
    assert (tags.new_values, tags.missing_now) == (0, 0)
    assert tags.psi > 0.25  # a quarter red, a quarter blue, half cheap before; halves now
    assert price.psi > 1
    assert math.isnan(price.new_values)


@pytest.mark.usefixtures("unchecked")
def test_an_empty_part_of_several_values_is_a_value(tmp_path: Path) -> None:
    """'|' is two empty values. Of 570 values 30 are red before, and of 330 are 270 red now."""
    shop = shop_of(tmp_path)
    shop.items = items(tags=["|"] * 270 + ["red"] * 30)
    shop.night(7)
    _, tags, _ = drift_on(shop, 8, items(tags=["|"] * 30 + ["red"] * 270)).columns
    shares = [(30 / 570, 270 / 330), (540 / 570, 60 / 330)]
    assert tags.psi == pytest.approx(sum((b - a) * math.log(b / a) for a, b in shares), rel=1e-3)


@pytest.mark.usefixtures("unchecked")
def test_small_tables_are_not_compared(tmp_path: Path) -> None:
    shop = LiteralShop(tmp_path, [("u", "i1", (1, 9)), ("u", "i1", (2, 9))], items=items(100))
    shop.settings = {"items": {"attributes": ATTRIBUTES}}
    shop.night(2)
    assert drift_on(shop, 3, items(100, brand=["z"] * 100)).columns == ()


def test_a_night_warns_with_the_columns_or_stops_where_the_shop_says_so(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    shop.items = items(brand=["A", "B"] * 150, price=[None] * 100 + [7.0] * 200)
    report = shop.night(7).report
    warned = {check.name: check for check in report.warnings}
    # 100 of 300 prices are missing; every brand is new
    assert "items.brand: 100.0% of the values are new" in warned["new_values"].observed
    assert (
        "items.price: missing in 33.3% of the rows, 0.0% before" in warned["missing_rise"].observed
    )
    assert "items.brand: PSI" in warned["column_drift"].observed
    stopping = shop_of(tmp_path / "b", stop_on_drift=True)
    stopping.items = shop.items
    with pytest.raises(ValidationFailed, match=r"night\.missing_rise") as caught:
        stopping.night(7)
    assert "validation.accepted_losses" in caught.value.remedy
    # the shop says that the night is right
    stopping.settings["validation"] = {"stop_on_drift": True, "accepted_losses": ["2026-01-07"]}
    at = datetime(2026, 1, 7, 1, tzinfo=UTC)
    assert freeze(stopping.config, stopping.lake, date(2026, 1, 7), at).report.passed
