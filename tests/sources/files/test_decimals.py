"""Numbers with a decimal comma: read where the settings say so, and never guessed at."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.errors import ValidationFailed
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.columns import as_number, with_points
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
    read = as_number(with_points(pa.chunked_array([texts]), ",")).to_pylist()
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
