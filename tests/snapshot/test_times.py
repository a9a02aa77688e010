"""Rows, launches and flags whose times or words are none: nothing vanishes, and nothing is
guessed.
"""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.errors import DataError, NotEnoughData, SchemaError, ValidationFailed
from recsys_tasks.snapshot.extract_result import ExtractResult
from recsys_tasks.snapshot.undated import UNDATED, read_undated
from tests.snapshot.shops import LiteralShop, second

DAYS = range(1, 10)
OPEN = {
    "max_null_share": 1.0,
    "max_bad_value_share": 1.0,
    "max_duplicate_share": 1.0,
    "allow_empty_days": True,
}


def shop_with(folder: Path, times: list[Any], **settings: Any) -> LiteralShop:
    """A row an item of its own, so that none equals another."""
    rows = [("u", f"i{n}", time) for n, time in enumerate(times)]
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(len(times))]})
    shop = LiteralShop(folder, rows, users=["u"], items=items)
    shop.settings = settings
    return shop


def stored(shop: LiteralShop, result: ExtractResult) -> int:
    return sum(shop.lake.get(part).rows for part in result.parts.values())


def spelt(form: str, per_second: int = 0) -> list[str]:
    seconds = [second(day, 43_200) for day in DAYS]
    if per_second:
        return [str(s * per_second) for s in seconds]
    return [f"{pd.Timestamp(s, unit='s'):{form}}" for s in seconds]


OTHER_UNITS = [
    (spelt("%Y%m%d"), "events.timestamp_unit: yyyymmdd"),
    (spelt("%Y%m%d%H%M%S"), "events.timestamp_unit: yyyymmddhhmmss"),
    (spelt("", 10**3), "events.timestamp_unit: milliseconds"),
    (spelt("", 10**6), "events.timestamp_unit: microseconds"),
    (spelt("", 10**9), "events.timestamp_unit: nanoseconds"),
    (spelt("%d.%m.%Y"), "events.timestamp_format: '%d.%m.%Y'"),
    (spelt("%d.%m.%Y %H:%M"), "events.timestamp_format: '%d.%m.%Y %H:%M'"),
    (spelt("%d-%b-%Y %H:%M:%S"), "events.timestamp_format: '%d-%b-%Y %H:%M:%S'"),
]
NO_UNITS = [
    (spelt("%Y%m%d%H"), "YYYYMMDDhh"),
    (spelt("%m/%d/%Y"), "is no ISO-8601 time"),
    (["now", "today", "5", "Jan", "NaT"], "is no ISO-8601 time"),
    (["46027", "46028"], "days as Excel counts them"),
    (["-1", "0"], "1969-12-31 23:59:59"),
    (["2147483647"] * 3, "2038-01-19"),
]


@pytest.mark.parametrize("clock", ["simulated", "wall"])
@pytest.mark.parametrize(
    ("times", "words"), OTHER_UNITS + NO_UNITS, ids=lambda v: v[0] if isinstance(v, list) else None
)
def test_times_of_another_kind_stop_the_night_at_once(
    tmp_path: Path, times: list[str], words: str, clock: str
) -> None:
    shop = shop_with(tmp_path, times, clock=clock, validation=OPEN)
    with pytest.raises(SchemaError) as caught:
        shop.extract(10)
    assert words in caught.value.found
    assert any(repr(time) in caught.value.found for time in times)  # as delivered
    assert "'timestamp'" in caught.value.where
    assert "events.timestamp_" in caught.value.remedy


@pytest.mark.parametrize(
    ("times", "setting"), OTHER_UNITS, ids=lambda v: v[0] if isinstance(v, list) else None
)
def test_the_setting_that_the_error_names_helps(
    tmp_path: Path, times: list[str], setting: str
) -> None:
    shop = shop_with(tmp_path, times)
    with pytest.raises(DataError) as caught:
        shop.extract(10)
    assert setting in caught.value.remedy
    name, value = setting.removeprefix("events.").split(": ", 1)
    shop.settings = {"events": {name: value.strip("'")}}
    result = shop.extract(10)
    assert [day.day for day in result.parts] == list(DAYS)
    assert (result.rows, result.artifact.facts["undated_rows"]) == (len(times), 0)


def test_times_of_two_kinds_stop_the_night(tmp_path: Path) -> None:
    """Old files in milliseconds, new ones in seconds: under a simulated clock the old ones were
    never missed.
    """
    times = [*spelt("", 10**3)[:4], *(second(day, 43_200) for day in DAYS[4:])]
    shop = shop_with(tmp_path, times, validation={"allow_empty_days": True})
    with pytest.raises(ValidationFailed) as caught:
        shop.night(10)
    assert "events.missing_time: 4 of 9 rows" in caught.value.found
    assert "events.repeated" not in caught.value.found
    assert any(repr(time) in caught.value.found for time in times[:4])
    assert "set events.timestamp_unit: milliseconds" in caught.value.found


def test_the_day_before_1970_is_a_day(tmp_path: Path) -> None:
    """-1 as an unknown time: the rows vanished, uncounted."""
    times = [-1, *(second(day, 43_200) for day in DAYS), -1, "-1.5", 0]
    shop = shop_with(tmp_path, times, validation=OPEN)
    result = shop.extract(10)
    assert stored(shop, result) == len(times)
    assert (result.artifact.facts["undated_rows"], dict(result.undated_why)) == (
        4,
        {"too_early": 4},
    )
    night = shop.night(10)
    assert night.waiting == {"missing_time": 4}
    check = next(check for check in night.report.checks if check.name == "missing_time")
    assert check.found == 4
    assert any(example.startswith("'-1' is 1969-12-31 23:59:59") for example in check.examples)
    old = shop_with(tmp_path / "old", times, extract={"earliest_day": "1969-12-01"})
    (tmp_path / "old").mkdir()
    result = old.extract(10)
    assert stored(old, result) == len(times)
    assert [
        old.lake.get(result.parts[date(*day)]).rows for day in ((1969, 12, 31), (1970, 1, 1))
    ] == [3, 1]


@pytest.mark.parametrize("parquet", [False, True])
def test_every_row_is_kept_or_counted(tmp_path: Path, parquet: bool) -> None:
    """Over two nights, as plain numbers in CSV and in Parquet, where filters skip what lies outside
    a window.
    """
    draws = random.Random(5)
    odd = [
        -1,
        0,
        20260105,
        2026010510,
        1767614400000,
        2**31 - 1,
        2**40,
        -(2**40),
        2**62,
        -86_400,
        86_399,
    ]
    times = [
        draws.choice([*odd, second(1 + draws.randrange(14), draws.randrange(86_400))])
        for _ in range(60)
    ]
    times += [second(day, 5) for day in range(1, 15)]
    shop = shop_with(tmp_path, times, validation=OPEN, extract={"lookback_days": 2})
    if parquet:
        shop.settings["source"] = {
            "kind": "files",
            "events": str(tmp_path / "e"),
            "items": str(tmp_path / "items.csv"),
        }
        shop.users = None
        columns = {"user_id": ["u"] * len(times), "item_id": [f"i{n}" for n in range(len(times))]}
        table = pa.table(
            {
                **columns,
                "timestamp": pa.array(times, pa.int64()),
                "event": ["purchase"] * len(times),
            }
        )
        (tmp_path / "e").mkdir()
        pq.write_table(table, tmp_path / "e" / "all.parquet", row_group_size=7)
    for night in (8, 10):
        result = shop.extract(night)
        plausible = [t for t in times if second(1, 0) <= t < second(15, 0)]
        assert result.later_rows == sum(t >= second(night, 0) for t in plausible)
        assert (
            result.artifact.facts["undated_rows"]
            == len(times) - len(plausible)
            == sum(result.undated_why.values())
        )
        assert stored(shop, result) == len(times) - result.later_rows
    # each stays with the night that found it
    assert set(read_undated(result.artifact)["day"].to_pylist()) == {"2026-01-07"}


def test_a_night_after_the_data_says_where_the_data_ends(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, [second(day, 43_200) for day in DAYS])
    with pytest.raises(ValidationFailed) as caught:
        shop.night(25)
    assert (
        "night.fresh: rows on the newest day is 0 (2026-01-24); the newest day with rows is"
        " 2026-01-09" in str(caught.value)
    )


def test_a_night_before_the_data_says_that_it_is_later(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, [second(day, 43_200) for day in DAYS])
    with pytest.raises(NotEnoughData, match="none; 9 rows are of this day or later"):
        shop.extract(1)


# --- launches and flags ---------------------------------------------------------------------------


# --- homes of older code --------------------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
def test_a_home_of_older_code_goes_on_and_loses_its_days_of_1970(tmp_path: Path) -> None:
    """An older extract does not know what was delivered for a time, and may have taken YYYYMMDD for
    seconds.
    """
    times = [*(second(day, 43_200) for day in DAYS), "soon"]
    shop = shop_with(tmp_path, times, validation=OPEN, extract={"lookback_days": 1})
    first = shop.extract(6).artifact
    raw = json.loads(first.file("result.json").read_text())
    undated = read_undated(first).drop_columns(["ts_fault"])
    raw["parts"] = {"1970-08-23": raw["parts"]["2026-01-01"], **raw["parts"]}
    raw = {name: value for name, value in raw.items() if name not in ("undated_why", "later_rows")}
    with shop.lake.writing(
        "extract", "2026-01-06", inputs={"older": "1"}, config=first.manifest["config"]
    ) as draft:
        (draft.path / "result.json").write_text(json.dumps(raw))
        pq.write_table(undated, draft.path / "undated.parquet")
        draft.rows, draft.facts = first.rows, {**first.facts, "content": "older"}
    second_night = shop.extract(7)
    assert min(second_night.parts) == date(2026, 1, 1)
    assert [day.day for day in second_night.new_days] == [6]
    assert second_night.artifact.facts["undated_rows"] == 1
    found = read_undated(second_night.artifact)
    assert found.schema == UNDATED
    assert found["day"].to_pylist() == ["2026-01-05"]  # where the older night kept it
    assert shop.night(7).waiting == {"missing_time": 1}
