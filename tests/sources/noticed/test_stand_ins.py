"""What stands for a missing value and is read as one, and what a column says that nobody named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.sources.base import source_of
from tests.snapshot.shops import LiteralShop, second

AGE = {"name": "age", "kind": "numeric"}
COLOUR = {"name": "colour", "kind": "categorical"}
ITEMS = 30


def shop(folder: Path, declared: Any = None, **columns: Any) -> LiteralShop:
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)], **columns})
    rows = [("ann", "i0", (5, 1))]
    return LiteralShop(folder, rows, items=items, settings={"items": declared or {}})


def told(made: LiteralShop) -> dict[str, str]:
    return {check.name: check.observed for check in made.night(6).report.warnings}


@pytest.mark.parametrize("number", [-1, -99, 999, 99999])
def test_numbers_that_stand_for_a_missing_one(tmp_path: Path, number: int) -> None:
    ages = [number if n % 10 == 0 else 20 + n for n in range(ITEMS)]
    made = shop(tmp_path, {"attributes": [AGE]}, age=ages)
    assert f"items.age: 3 of 30 are {number}, as is written" in told(made)["stand_ins"]


@pytest.mark.parametrize("ages", [[-1, -2, 5] * 10, [999, 998, 950] * 10, [20, 30, 40] * 10])
def test_numbers_that_are_what_they_say(tmp_path: Path, ages: list[int]) -> None:
    assert "stand_ins" not in told(shop(tmp_path, {"attributes": [AGE]}, age=ages))


@pytest.mark.parametrize("word", ["nan", "NULL", "None", "\\N"])
def test_words_that_stand_for_a_missing_text(tmp_path: Path, word: str) -> None:
    colours = [word if n % 3 == 0 else "red" for n in range(ITEMS)]
    made = shop(tmp_path, {"attributes": [COLOUR]}, colour=colours)
    assert f"items.colour: 10 values are {word!r}, as a text" in told(made)["damaged_texts"]


def test_a_title_that_many_items_have(tmp_path: Path) -> None:
    titles = ["Lamp" if n % 2 else f"Sofa {n}" for n in range(ITEMS)]
    made = shop(tmp_path, {"title_column": "name"}, name=titles)
    assert "15 of 30 items have the title of another, e.g. 'lamp'" in told(made)["same_titles"]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("discontinued", ["true", "false"], "'true' 15"),
        ("isDeleted", ["1", "0"], "'1' 15"),
        ("in_stock", ["no", "yes"], "'no' 15"),
        ("stock", ["0", "17"], "'0' 15"),
        ("active", ["false", "true"], "'false' 15"),
    ],
)
def test_flags_of_items_that_nobody_named(
    tmp_path: Path, name: str, values: list[str], said: str
) -> None:
    flags = [values[n % 2] for n in range(ITEMS)]
    words = f"items.{name}: no setting reads it, and items that say {said} are in lists"
    made = shop(tmp_path, **{name: flags})
    assert words in told(made)["undeclared_ends"]
    found = source_of(made.config).examine(made.config, made.config.source)
    assert words in "; ".join(text for _, text in found)
    named = shop(tmp_path, {"available_column": name}, **{name: ["yes"] * ITEMS})
    assert "undeclared_ends" not in told(named)


def test_several_values_where_one_is_declared(tmp_path: Path) -> None:
    colours = [f"{one}|large" for one in ("red", "blue", "green")] * 10
    made = shop(tmp_path, {"attributes": [COLOUR]}, colour=colours)
    assert "items.colour: many values are several, joined by '|'" in told(made)["separators"]
    lists = [f'["{one}"]' for one in ("red", "blue", "green")] * 10
    made = shop(tmp_path, {"attributes": [COLOUR]}, colour=lists)
    assert "items.colour: each value is a list, as " in told(made)["separators"]


@pytest.mark.parametrize(("form", "swapped"), [("%m/%d/%Y", True), ("%d/%m/%Y", False)])
def test_days_and_months_that_were_exchanged(tmp_path: Path, form: str, swapped: bool) -> None:
    """Twelve days of two months, as a month-first program writes them; all can be read."""
    days = [second(day, 0) for day in range(1, 13)]
    days += [int(pd.Timestamp(f"2025-12-{day:02}").timestamp()) for day in range(1, 13)]
    texts = [f"{pd.Timestamp(day, unit='s'):{form}}" for day in days]
    rows = [("ann", "lamp", text) for text in texts]
    settings = {
        "events": {"timestamp_format": "%d/%m/%Y"},
        "validation": {"allow_empty_days": True},
    }
    made = LiteralShop(tmp_path, rows, items=["lamp"], settings=settings)
    assert ("swapped_dates" in told(made)) == swapped
