"""`recsys init` on numbers whose thousands are apart, and on days and clocks in two columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.init.test_init import NOW
from tests.commands.init.test_odd_files import Tables, iso, settled, shop, values, written


@pytest.mark.parametrize(
    ("sign", "decimal", "thousands"), [(",", ".", ","), (";", ",", "."), (";", ",", " ")]
)
def test_numbers_whose_thousands_are_apart(
    tmp_path: Path, sign: str, decimal: str, thousands: str
) -> None:
    tables = shop()
    iso(tables["events"])
    signs = str.maketrans({",": thousands, ".": decimal})
    for table, name in (("events", "price"), ("items", "weight")):
        numbers = tables[table][name] + 995
        tables[table][name] = [f"{number:,.2f}".translate(signs) for number in numbers]
    proposal, reader = settled(written(tmp_path / "shop", tables, sep=sign))
    assert values(proposal)["source.thousands"] == thousands
    assert values(proposal).get("source.decimal", ".") == decimal
    assert {"name": "weight", "kind": "numeric"} in values(proposal)["items.attributes"]
    prices = reader.read_events(None, NOW.date())["price"].to_pylist()
    assert set(prices) == {997.5 + n for n in range(20)}
    assert reader.odd_values() == {}


def test_a_sign_that_may_stand_between_thousands_is_asked_for(tmp_path: Path) -> None:
    tables = shop()
    iso(tables["events"])
    tables["events"]["price"] = [f"{995 + n * 2:,}".replace(",", ".") for n in rows_of(tables)]
    proposal, _ = settled(written(tmp_path / "shop", tables))
    asked = [s for s in proposal.settings if s.key == "source.thousands"]
    assert asked == []  # weights have points before their fractions: a point stands nowhere else
    tables["items"] = tables["items"].drop(columns="weight")
    proposal, _ = settled(written(tmp_path / "another", tables))
    (sign,) = [s for s in proposal.settings if s.key == "source.thousands"]
    assert (sign.value, sign.confidence) == (".", "a guess")
    assert "is that a thousand and more" in sign.evidence


def rows_of(tables: Tables) -> list[int]:
    return [int(product[1:]) for product in tables["events"]["product"]]


@pytest.mark.parametrize("written_price", ["€ {}", "{} EUR", "${}"])
def test_a_price_that_is_no_number_is_named(tmp_path: Path, written_price: str) -> None:
    tables = shop()
    iso(tables["events"])
    tables["events"]["price"] = [written_price.format(price) for price in tables["events"].price]
    proposal, _ = settled(written(tmp_path / "shop", tables))
    assert "events.price_column" not in values(proposal)
    assert any("events, price: it is called a price" in words for words in proposal.left_out)


@pytest.mark.parametrize("clock", ["%H:%M:%S", "%I:%M %p", "hour"])
@pytest.mark.parametrize("day", ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d"])
def test_days_and_times_of_day_in_two_columns(tmp_path: Path, day: str, clock: str) -> None:
    tables = shop()
    moments = tables["events"].pop("time")
    tables["events"]["date"] = moments.dt.strftime(day)
    name = "hour" if clock == "hour" else "time"
    hours = moments.dt.hour if clock == "hour" else moments.dt.strftime(clock)
    tables["events"][name] = hours
    proposal, reader = settled(written(tmp_path / "shop", tables))
    found = values(proposal)
    assert (found["events.timestamp_column"], found["events.time_of_day_column"]) == ("date", name)
    read = reader.read_events(None, NOW.date())["ts"].to_pylist()
    exact = {"hour": 3600, "%I:%M %p": 60}.get(clock, 1)
    assert read == [int(t.timestamp()) // exact * exact for t in moments]
