"""Parts of a delivery that say something else than the others, or the same once more."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.sources.base import open_source
from tests.sources.files.test_reader import NOON, write
from tests.worlds import make_config

HEADER = "user_id,item_id,timestamp,event,price,currency\n"


def rows(prices: int, currency: str = "EUR", first: int = 0) -> str:
    return HEADER + "".join(
        f"u{n},lamp,{NOON + first + n},purchase,{prices + n},{currency}\n" for n in range(30)
    )


def remarks(folder: Path, **events: Any) -> dict[str, tuple[str, ...]]:
    write(folder, "items.csv", "item_id\nlamp\n")
    paths = {"events": str(folder / "events"), "items": str(folder / "items.csv")}
    columns = {"price_column": "price", **events}
    config = make_config(source={"kind": "files", **paths}, events=columns)
    reader = open_source(config, folder)
    reader.read_events(None, date(2026, 2, 1))
    return dict(reader.remarks())


def test_a_price_in_cents_in_one_part(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", rows(20))
    write(tmp_path, "events/b.csv", rows(30, first=100))
    assert remarks(tmp_path) == {}
    write(tmp_path, "events/c.csv", rows(2_000, first=200))
    (words,) = remarks(tmp_path)["parts_differ"]
    middle = "the middle number is 34.5 in 'a.csv' and 2,014.5 in 'c.csv'"
    assert words == f"events.price: {middle}: another unit?"


def test_the_same_file_under_two_names(tmp_path: Path) -> None:
    write(tmp_path, "events/a.csv", rows(20))
    write(tmp_path, "events/a (1).csv", rows(20))
    write(tmp_path, "events/b.csv", rows(20, first=100))
    (words,) = remarks(tmp_path, repeated_rows="units")["same_files"]
    assert words.startswith("events: 'a.csv' has the bytes of 'a (1).csv'; remove one of the two")


@pytest.mark.parametrize("priced", [True, False])
def test_prices_of_two_currencies(tmp_path: Path, priced: bool) -> None:
    write(tmp_path, "events/a.csv", rows(20))
    assert remarks(tmp_path) == {}
    write(tmp_path, "events/b.csv", rows(20, "JPY", first=100))
    found = remarks(tmp_path, **({} if priced else {"price_column": None}))
    words = "events.currency: prices of 2 currencies ('EUR' 30, 'JPY' 30) are compared"
    assert [one.startswith(words) for one in found.get("currencies", ())] == [True] * priced
