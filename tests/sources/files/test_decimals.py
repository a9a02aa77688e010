"""Numbers with a decimal comma, or a sign between thousands: read where the settings say so, and
never guessed at.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.errors import ConfigError, ValidationFailed
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.columns import NumberSigns, as_number, with_points
from tests.snapshot.shops import LiteralShop, second
from tests.sources.files.test_reader import NOON, write
from tests.worlds import make_config

NUMBERS = {"price_column": "price", "quantity_column": "units"}


def source_of(folder: Path, **settings: Any) -> dict[str, Any]:
    return {
        "kind": "files",
        "events": str(folder / "events"),
        "items": str(folder / "items.csv"),
        "delimiter": ";",
        **settings,
    }


def test_csv_numbers_have_commas_and_other_files_points(tmp_path: Path) -> None:
    head = "user_id;item_id;timestamp;event;price;units\n"
    rows = f"7,0;lamp;{NOON};purchase;12,50;1\nann;a.b;{NOON};purchase;1.234,50;1.5\n"
    write(tmp_path, "events/a.csv", head + rows)
    line = f'"user_id": "bob", "item_id": "lamp", "timestamp": {NOON}, "event": "purchase"'
    write(tmp_path, "events/b.jsonl", f'{{{line}, "price": 2.5, "units": "3,5"}}\n')
    table = pa.table(
        {
            "user_id": ["cy"],
            "item_id": ["lamp"],
            "timestamp": [NOON],
            "event": ["purchase"],
            "price": ["4.5"],
            "units": [2.0],
        }
    )
    pq.write_table(table, tmp_path / "events" / "c.parquet")
    write(tmp_path, "items.csv", "item_id;weight;on\n0,5;0,5;1,0\n")
    config = make_config(
        source=source_of(tmp_path, decimal=","),
        events=NUMBERS,
        items={
            "available_column": "on",
            "attributes": [
                {"name": "weight", "kind": "numeric"},
                {"name": "as_written", "column": "weight", "kind": "categorical"},
            ],
        },
    )
    source = open_source(config, tmp_path)
    events = source.read_events(None, date(2026, 2, 1))
    assert events["user_id"].to_pylist() == ["7,0", "ann", "bob", "cy"]  # ids are text
    assert events["item_id"].to_pylist() == ["lamp", "a.b", "lamp", "lamp"]
    assert events["ts"].to_pylist() == [NOON] * 4
    price, units = events["price"].to_numpy(), events["quantity"].to_numpy()
    assert price[[0, 2, 3]].tolist() == [12.5, 2.5, 4.5]
    assert units[[0, 3]].tolist() == [1.0, 2.0]
    # neither 1.2345, 1234.5 nor 15: a point in a CSV file, and a comma in JSON, are faults
    assert np.isnan([price[1], units[1], units[2]]).all()
    assert set(source.odd_values()["events.price"]) == {"'1.234,50'"}
    items = source.read_items().to_pylist()[0]
    assert (items["item_id"], items["weight"], items["as_written"]) == ("0,5", 0.5, "0,5")
    assert items["available"] is True


@given(st.floats(-1e12, 1e12), st.sampled_from([".", " ", "\u00a0", "'", "_"]))
def test_what_is_written_with_a_comma_is_the_same_number(number: float, between: str) -> None:
    """And with a sign between thousands it is none."""
    text, grouped = f"{number:.4f}", f"{number:,.4f}".split(".")
    texts = [text.replace(".", ","), grouped[0].replace(",", between) + "," + grouped[1]]
    read = as_number(with_points(pa.chunked_array([texts]), NumberSigns(","))).to_pylist()
    assert read[0] == float(text)
    if "," in grouped[0]:
        assert np.isnan(read[1])


def test_a_night_names_the_setting_and_passes_with_it(tmp_path: Path) -> None:
    class German(LiteralShop):
        def deliver(self) -> None:
            super().deliver()
            frame = pd.read_csv(self.folder / "events.csv").assign(price=[0.5, 1.25])
            (self.folder / "events").mkdir(exist_ok=True)
            frame.to_csv(self.folder / "events" / "a.csv", index=False, sep=";", decimal=",")

    shop = German(tmp_path, [("u", "i", second(5, 1)), ("u", "i", second(5, 2))], items=["i"])
    shop.settings = {
        "source": source_of(tmp_path),
        "events": {"price_column": "price"},
        "validation": {"allow_empty_days": True},
    }
    with pytest.raises(ValidationFailed) as caught:
        shop.night(6)
    assert "'1,25'" in caught.value.found
    assert "source.decimal: ','" in caught.value.remedy
    shop.settings["source"] = source_of(tmp_path, decimal=",")
    assert shop.night(6).rows == 2


@given(
    st.decimals(-(10**12), 10**12, places=2),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", ".")]),
)
def test_what_is_written_with_thousands_apart_is_the_same_number(
    number: Decimal, signs: tuple[str, str]
) -> None:
    """And so is one that leaves the sign out; one that has it elsewhere is none."""
    between, point = signs
    grouped = f"{number:,.2f}".replace(",", "#").replace(".", point)
    whole = f"{number:.2f}".replace(".", point)
    texts = [grouped.replace("#", between), whole, f"1{between}2{point}5", f"12{between}3", None]
    how = NumberSigns(point, between)
    read = as_number(with_points(pa.chunked_array([texts]), how)).to_pylist()
    assert read[:2] == [float(number)] * 2
    assert np.isnan(read[2]), "two digits behind the sign: nobody can say which number"
    assert np.isnan(read[3])
    assert read[4] is None


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u202f"])
def test_blanks_between_thousands_are_of_any_kind(blank: str) -> None:
    texts = pa.chunked_array([[f"1{blank}299,50", "7", ""]])
    read = as_number(with_points(texts, NumberSigns(",", " "))).to_pylist()
    assert read == [1299.5, 7.0, None]


def test_tables_whose_thousands_are_apart(tmp_path: Path) -> None:
    """Of one table alone, and of numbers alone: an id `1,001` stays as it is written."""
    head = "user_id,item_id,timestamp,event,price,units\n"
    write(tmp_path, "events/a.csv", f'{head}ann,"1,001",{NOON},purchase,"1,299.00",1\n')
    write(tmp_path, "items.csv", 'item_id,weight\n"1,001","2.500,5"\n')
    dialects = {"items": {"decimal": ",", "thousands": "."}}
    source = source_of(tmp_path, delimiter=",", thousands=",", dialects=dialects)
    attributes = {"attributes": [{"name": "weight", "kind": "numeric"}]}
    opened = open_source(make_config(source=source, events=NUMBERS, items=attributes), tmp_path)
    row = opened.read_events(None, date(2026, 2, 1)).to_pylist()[0]
    assert (row["item_id"], row["price"], row["quantity"]) == ("1,001", 1299.0, 1.0)
    assert opened.read_items().to_pylist()[0]["weight"] == 2500.5
    assert opened.odd_values() == {}


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"decimal": ",", "thousands": ","}, "thousands and decimal are both"),
        ({"thousands": ".", "decimal": "."}, "thousands and decimal are both"),
        ({"thousands": ",", "dialects": {"items": {"decimal": ","}}}, "dialects.items.thousands"),
    ],
)
def test_one_sign_for_thousands_and_fractions_is_refused(
    tmp_path: Path, settings: dict[str, Any], where: str
) -> None:
    with pytest.raises(ConfigError, match=where):
        make_config(source=source_of(tmp_path, **settings))
