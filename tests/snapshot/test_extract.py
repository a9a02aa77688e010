"""Which rows a night reads, and when a partition gets a new version."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.errors import NotEnoughData
from recsys_tasks.snapshot.extract_result import ExtractResult
from recsys_tasks.snapshot.table_hashes import table_hash
from tests.snapshot.shops import LiteralShop, Row


def shop_in(folder: Path, **changes: object) -> LiteralShop:
    # a row at noon of each of 1..9 January
    rows: list[Row] = [("u", "i", (day, 43_200)) for day in range(1, 10)]
    settings = {"extract": {"lookback_days": 2}}
    return LiteralShop(folder, rows, users=["u"], items=["i"], settings={**settings, **changes})


def rows_of(shop: LiteralShop, result: ExtractResult, day: int) -> list[dict[str, object]]:
    table = pq.read_table(shop.lake.get(result.parts[date(2026, 1, day)]).file("events.parquet"))
    return list(table.to_pylist())


def days(found: tuple[date, ...]) -> list[int]:
    return [day.day for day in found]


def test_the_first_night_reads_every_day_before_it_and_none_after(tmp_path: Path) -> None:
    result = shop_in(tmp_path).extract(6)
    assert [day.day for day in result.parts] == [1, 2, 3, 4, 5]
    assert days(result.new_days) == [1, 2, 3, 4, 5]
    assert (result.changed_days, result.rows) == ((), 5)


def test_a_rerun_makes_no_new_versions(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    first = shop.extract(6)
    assert (
        shop.extract(6).artifact.reference == first.artifact.reference
    )  # the file's time changed, its rows did not
    shop.rows.reverse()
    assert shop.extract(6).artifact.reference == first.artifact.reference
    assert len(shop.lake.versions("raw_events", "2026-01-03")) == 1


def test_a_later_night_reads_new_days_and_the_lookback(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    first = shop.extract(6)
    shop.rows.append(("late", "i", (5, 5)))  # within the two days before the 6th
    shop.rows.append(("too late", "i", (3, 5)))
    second = shop.extract(7)
    assert second.artifact.facts["read_days"] == 3  # 4, 5 and 6
    assert days(second.new_days) == [6]
    assert days(second.changed_days) == [5]
    assert [row["user_id"] for row in rows_of(shop, second, 5)] == ["late", "u"]
    assert second.parts[date(2026, 1, 3)] == first.parts[date(2026, 1, 3)]
    assert len(rows_of(shop, first, 5)) == 1  # the old version is still there


def test_an_older_night_can_be_rerun_without_the_newer(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    first = shop.extract(4)
    shop.extract(9)
    assert shop.extract(4).parts == first.parts
    assert [day.day for day in shop.extract(6).parts] == [1, 2, 3, 4, 5]


def test_corrected_data_of_the_same_night_is_read_again(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    first = shop.extract(6)
    shop.rows[0] = ("corrected", "i", (1, 43_200))
    second = shop.extract(6)
    assert days(second.changed_days) == [1]
    assert second.parts[date(2026, 1, 1)] != first.parts[date(2026, 1, 1)]
    shop.rows[0] = ("u", "i", (1, 43_200))
    assert shop.extract(6).parts == first.parts  # back to the first version, which is still there


def test_a_row_without_a_time_stays_with_the_night_that_found_it(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    shop.rows += [("nobody", "i", None), ("nobody", "i", "soon")]
    first = shop.extract(6)
    assert first.artifact.facts["undated_rows"] == 2
    assert [row["user_id"] for row in rows_of(shop, first, 5)] == ["u", "nobody", "nobody"]
    shop.rows.append(("new", "i", None))
    second = shop.extract(7)
    assert days(second.changed_days) == []
    assert [row["user_id"] for row in rows_of(shop, second, 6)] == ["u", "new"]


def test_a_day_that_loses_its_rows_is_a_changed_day(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    shop.extract(6)
    shop.rows = [row for row in shop.rows if row[2] != (5, 43_200)]
    result = shop.extract(7)
    assert days(result.changed_days) == [5]
    assert rows_of(shop, result, 5) == []


def test_without_a_users_table_users_of_later_days_stay_unknown(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    shop.users = None
    shop.rows = [("b", "i", (1, 0)), ("a", "i", (2, 0)), ("later", "i", (7, 0))]
    result = shop.extract(6)
    assert pq.read_table(shop.lake.get(result.users).file("users.parquet"))[
        "user_id"
    ].to_pylist() == ["a", "b"]


def test_rows_later_than_now_are_counted_on_a_wall_clock(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, clock="wall")
    now = datetime(2026, 1, 6, 13, tzinfo=UTC)  # the 6th at noon has passed; 7, 8 and 9 have not
    assert shop.extract(6, now).future_rows == 3
    assert (
        shop_in(tmp_path).extract(6, now).future_rows == 0
    )  # simulated: the file holds its whole history


def test_no_rows_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="2026-01-01"):
        shop_in(tmp_path).extract(1)


def test_a_slice_hashes_like_its_copy() -> None:
    table = pa.table({"a": ["x", None, "yy", "z", None], "b": [True, False, None, True, True]})
    for start in range(4):
        copy = pa.table(table.slice(start, 2).to_pydict(), schema=table.schema)
        assert table_hash(table.slice(start, 2)) == table_hash(copy)
