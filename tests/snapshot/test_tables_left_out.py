"""A shop without an items table, and one whose impressions are a table of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.errors import ConfigError
from recsys_tasks.snapshot.dataset import Snapshot
from tests.snapshot.shops import LiteralShop, Row, second

pytestmark = pytest.mark.usefixtures("unchecked")
ROWS: list[Row] = [
    ("ann", "lamp", (1, 1)),
    ("ann", "mug", (1, 2)),
    ("bob", "lamp", (5, 3)),
    ("bob", "cup", (6, 4)),
]
SHOWN = [("ann", "cup", (1, 5), 2), ("bob", "mug", (6, 1), 1), ("bob", "lamp", (6, 2), 3)]


def itemless(folder: Path, **settings: Any) -> LiteralShop:
    source = {"kind": "files", "events": str(folder / "events.csv")}
    return LiteralShop(folder, settings={"source": source, **settings})


def titles(snapshot: Snapshot) -> dict[str, bool]:
    """Title → whether it can be had, of every item."""
    items = snapshot.items
    return dict(zip(items["title"].tolist(), items["available"].tolist(), strict=True))


@pytest.mark.parametrize("delivery", ["full", "append", "delta"])
def test_without_an_items_table_items_are_those_of_the_events_so_far(
    tmp_path: Path, delivery: str
) -> None:
    """The mug is of day 1 alone, which the lookback of the second night does not reach."""
    shop = itemless(tmp_path, extract={"delivery": delivery})
    shop.rows = [row for row in ROWS if row[2][0] < 6]
    assert titles(shop.night(6).snapshot) == {"lamp": True, "mug": True}
    shop.rows = ROWS if delivery == "full" else [row for row in ROWS if row[2][0] == 6]
    night = shop.night(7)
    assert titles(night.snapshot) == {"lamp": True, "mug": True, "cup": True}
    assert len(night.snapshot.events().ts) == len(ROWS)
    assert night.waiting == {}


def test_columns_of_an_items_table_that_is_not_there_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"items\.title_column: source\.items names no table"):
        _ = itemless(tmp_path, items={"title_column": "name"}).config


def among_events(folder: Path, placed: bool) -> LiteralShop:
    """Impressions as rows of the interactions, their places as prices: the form that was there
    before.
    """
    shown: list[Row] = [(user, item, at, "impression", place) for user, item, at, place in SHOWN]
    impressions = {"event": "impression", **({"position_column": "price"} if placed else {})}
    return LiteralShop(
        folder,
        ROWS + shown,
        items=["lamp", "mug", "cup"],
        settings={"events": {"impressions": impressions}},
    )


def table_apart(placed: bool) -> pd.DataFrame:
    """Under names of its own, its times in milliseconds."""
    rows = [(user, item, second(*at) * 1000, place) for user, item, at, place in SHOWN]
    table = pd.DataFrame(rows, columns=["who", "what", "at", "place"])
    return table if placed else table.drop(columns="place")


def apart(placed: bool) -> dict[str, Any]:
    names = {"user_column": "who", "item_column": "what", "timestamp_column": "at"}
    place = {"position_column": "place"} if placed else {}
    return {"impressions": {**names, "timestamp_unit": "milliseconds", **place}}


def of_files(folder: Path) -> dict[str, Any]:
    """Each table a file."""
    files = {"events": "events", "items": "items", "impressions": "shown"}
    return {"kind": "files", **{n: str(folder / f"{file}.csv") for n, file in files.items()}}


def of_tables(folder: Path) -> dict[str, Any]:
    """Each table one of a database."""
    with sqlite3.connect(folder / "shop.db") as database:
        for name in ("events", "items", "shown"):
            pd.read_csv(folder / f"{name}.csv").to_sql(name, database, index=False)
    tables = {"events": "events", "items": "items", "impressions": "shown"}
    return {"kind": "sql", "url": f"sqlite://{folder / 'shop.db'}", **tables}


@pytest.mark.parametrize("placed", [True, False])
@pytest.mark.parametrize("source", [of_files, of_tables])
def test_impressions_of_a_table_are_those_among_the_events(
    tmp_path: Path, source: Callable[[Path], dict[str, Any]], placed: bool
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = among_events(tmp_path / "a", placed).night(7).snapshot
    items = ["lamp", "mug", "cup"]
    LiteralShop(tmp_path / "b", ROWS, items=items).deliver()
    table_apart(placed).to_csv(tmp_path / "b/shown.csv", index=False)
    settings = {"source": source(tmp_path / "b"), "events": apart(placed)}
    two = LiteralShop(tmp_path / "b", ROWS, items=items, settings=settings).night(7).snapshot
    days = date(2026, 1, 1), date(2026, 1, 7)
    assert two.impressions(*days).equals(one.impressions(*days))
    assert np.array_equal(two.events().item, one.events().item)
    places = sorted(two.impressions(*days)["position"].to_pylist())
    assert places == ([1, 2, 3] if placed else [1, 1, 1])


def test_impressions_that_nothing_says_how_to_read_are_a_mistake(tmp_path: Path) -> None:
    shop = LiteralShop(tmp_path, settings={"source": of_files(tmp_path)})
    with pytest.raises(ConfigError, match=r"source\.impressions: say what its columns"):
        _ = shop.config
    among = LiteralShop(tmp_path, ROWS, items=["lamp"], settings={"events": apart(True)})
    with pytest.raises(ConfigError, match=r"is of a table of their own"):
        _ = among.config
