"""What a source holds of the past is declared: all of it, all since some day, or what is new."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys_tasks.snapshot.extract_result import ExtractResult
from recsys_tasks.snapshot.freeze import FreezeResult
from tests.snapshot.shops import LiteralShop, Row

USERS = [f"u{n:02}" for n in range(30)]
ITEMS = [f"i{n:02}" for n in range(30)]
EVERYTHING: list[Row] = [
    (user, ITEMS[n], (day, n)) for day in range(1, 12) for n, user in enumerate(USERS)
]


def shop(folder: Path, delivery: str, **settings: Any) -> LiteralShop:
    given = {"extract": {"delivery": delivery}, **settings}
    return LiteralShop(folder, list(EVERYTHING), users=USERS, items=ITEMS, settings=given)


def of_days(*days: int) -> list[Row]:
    return [row for row in EVERYTHING if row[2][0] in days]


def kept(delivered: LiteralShop, extracted: ExtractResult) -> dict[int, list[tuple[Any, ...]]]:
    """Day → its raw rows, sorted."""
    found = {}
    for day, reference in extracted.parts.items():
        rows = pq.read_table(delivered.lake.get(reference).file("events.parquet")).to_pylist()
        found[day.day] = sorted(tuple(map(str, row.values())) for row in rows)
    return found


def days_of(night: FreezeResult) -> dict[int, int]:
    return {
        day.day: night.snapshot.rows_between(day, day.replace(day=day.day + 1))
        for day in night.snapshot.parts
    }


@pytest.mark.parametrize("delivery", ["append", "delta"])
def test_days_that_the_source_no_longer_has_are_kept_under_other_settings_too(
    tmp_path: Path, delivery: str
) -> None:
    delivered = shop(tmp_path, delivery)
    delivered.rows = of_days(*range(1, 8))
    assert days_of(delivered.night(8)) == dict.fromkeys(range(1, 8), 30)
    delivered.rows = of_days(8)
    assert days_of(delivered.night(9)) == dict.fromkeys(range(1, 9), 30)
    delivered.settings["items"] = {"attributes": [{"name": "colour", "kind": "categorical"}]}
    delivered.items = pd.DataFrame({"item_id": ITEMS, "colour": "red"})
    delivered.rows = of_days(9)
    assert days_of(delivered.night(10)) == dict.fromkeys(range(1, 10), 30)
    again = delivered.extract(10)
    assert sorted(day.day for day in again.parts) == list(range(1, 10))


def test_late_rows_of_a_delta_are_added_to_their_day_and_a_repeated_delivery_changes_nothing(
    tmp_path: Path,
) -> None:
    delivered = shop(tmp_path, "delta")
    delivered.rows = of_days(*range(1, 8))
    delivered.night(8)
    late: list[Row] = [("u00", "i29", (2, 5000)), ("u01", "i28", (7, 5000))]
    delivered.rows = [*of_days(8), *late]
    first = days_of(delivered.night(9))
    assert first == {**dict.fromkeys(range(1, 9), 30), 2: 31, 7: 31}
    before = kept(delivered, delivered.extract(9))
    delivered.rows = of_days(8)[:10]  # the night runs again when a part of it is gone already
    assert kept(delivered, delivered.extract(9)) == before
    delivered.rows = [*of_days(8), *late]
    assert kept(delivered, delivered.extract(9)) == before


def test_a_delta_of_nothing_new_stops_the_night(tmp_path: Path) -> None:
    from recsys_tasks.errors import ValidationFailed

    delivered = shop(tmp_path, "delta")
    delivered.rows = of_days(*range(1, 8))
    delivered.night(8)
    with pytest.raises(ValidationFailed, match=r"night\.fresh"):
        delivered.night(9)


@pytest.mark.parametrize("seed", range(5))
def test_random_deltas_with_repeats_and_reruns_give_what_one_whole_delivery_gives(
    tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    whole = shop(tmp_path / "whole", "full")
    delta = shop(tmp_path / "delta", "delta")
    for one in (whole, delta):
        one.folder.mkdir()
    unique = [row for row in EVERYTHING if row[2][0] < 11]
    units = {row: draw.choice([1, 1, 1, 2]) for row in unique}  # two units in one basket
    arrives = {row: min(11, row[2][0] + draw.choice([1, 1, 1, 2, 5])) for row in unique}
    whole.rows = [row for row in unique for _ in range(units[row])]
    expected = kept(whole, whole.extract(11))
    for night in range(2, 12):
        delta.rows = [r for r in unique if arrives[r] == night for _ in range(units[r])]
        for _ in range(draw.choice([1, 2])):
            draw.shuffle(delta.rows)
            found = delta.extract(night)
    assert kept(delta, found) == expected
    assert date(2026, 1, 10) in found.parts
