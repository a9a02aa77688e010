"""What a night's snapshot holds: clean keyed rows, set-aside rows that come back, items from their
day on.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.errors import ValidationFailed, hashed_user
from recsys_tasks.snapshot.dataset import open_snapshot
from recsys_tasks.snapshot.entities import NEVER
from recsys_tasks.snapshot.freeze import freeze
from tests.snapshot.shops import LiteralShop, Row, second

# nothing blocks: these tests look at what happens to bad rows
LENIENT = {
    "max_unknown_item_share": 1.0,
    "max_unknown_user_share": 1.0,
    "max_unknown_event_share": 1.0,
    "max_null_share": 1.0,
    "max_duplicate_share": 1.0,
    "max_bad_value_share": 1.0,
    "allow_empty_days": True,
    "volume_ratio": [0.001, 1000],
}


def lenient(folder: Path, rows: list[Row], **changes: Any) -> LiteralShop:
    validation = {**LENIENT, **changes.pop("validation", {})}
    settings = {"validation": validation, "events": {"price_column": "price"}, **changes}
    return LiteralShop(folder, rows, users=["ann", "bob"], items=["lamp", "mug"], settings=settings)


def test_clean_rows_are_keyed_and_bad_ones_set_aside_with_a_reason(tmp_path: Path) -> None:
    shop = lenient(
        tmp_path,
        [
            ("bob", "mug", (1, 20), "purchase", 7.5),
            ("bob", "mug", (1, 20), "purchase", 7.5),  # an exact duplicate
            ("ann", "lamp", (1, 10), "purchase", None),
            (None, "lamp", (1, 11)),
            ("ann", None, (1, 12)),
            ("ann", "lamp", "soon"),
            ("ann", "lamp", (1, 13), "stolen"),
            ("eve", "vase", (1, 14)),  # both unknown: the first reason counts
            ("ann", "vase", (1, 15)),
            ("ann", "lamp", (1, 16), "purchase", -1),
            ("ann", "lamp", (1, 17), "purchase", "free"),
        ],
    )
    result = shop.night(2)
    # keys in sorted order: ann 0, bob 1; lamp 0, mug 1
    events = result.snapshot.events()
    assert (events.user.tolist(), events.item.tolist()) == ([0, 1], [0, 1])
    assert events.ts.tolist() == [second(1, 10), second(1, 20)]
    assert events.price.tolist()[1] == 7.5
    assert pd.isna(events.price[0])
    assert (result.rows, result.duplicates) == (2, 1)
    assert result.waiting == {
        "missing_user": 1,
        "missing_item": 1,
        "missing_time": 1,
        "unknown_event": 1,
        "unknown_user": 1,
        "unknown_item": 1,
        "bad_price": 2,
    }


@pytest.mark.usefixtures("unchecked")
def test_a_rerun_is_a_no_op_and_the_next_night_works_on_the_new_day_only(tmp_path: Path) -> None:
    shop = lenient(tmp_path, [("ann", "lamp", (day, 5)) for day in range(1, 9)])
    first = shop.night(5)
    assert shop.night(5).snapshot.artifact.reference == first.snapshot.artifact.reference
    second_night = shop.night(6)
    assert second_night.days == (date(2026, 1, 5),)
    assert second_night.report.rows == 1
    assert len(second_night.snapshot.events()) == 5
    for day in range(1, 5):
        assert (
            second_night.snapshot.parts[date(2026, 1, day)]
            == first.snapshot.parts[date(2026, 1, day)]
        )


@pytest.mark.usefixtures("unchecked")
def test_the_newest_snapshot_is_the_one_of_the_newest_rows(tmp_path: Path) -> None:
    shop = lenient(tmp_path, [("ann", "lamp", (1, 5))])
    first = shop.night(2).snapshot
    shop.rows = [("ann", "mug", (1, 5))]
    assert shop.night(2).snapshot.events().item.tolist() == [1]
    shop.rows = [("ann", "lamp", (1, 5))]  # the first delivery after all
    third = shop.night(2).snapshot
    assert (
        third.artifact.reference
        == open_snapshot(shop.config, shop.lake, date(2026, 1, 2)).artifact.reference
    )
    assert third.events().item.tolist() == [0]
    assert third.parts == first.parts


def test_a_closed_day_is_a_normal_night(tmp_path: Path) -> None:
    shop = LiteralShop(tmp_path, [("ann", "lamp", (day, 5)) for day in range(1, 5)], items=["lamp"])
    shop.settings = {"validation": {"closed_days": ["2026-01-05"]}, "extract": {"lookback_days": 0}}
    shop.night(5)
    closed = shop.night(6)
    assert (closed.days, closed.report.warnings) == ((), ())
    assert len(closed.snapshot.events()) == 4
    with pytest.raises(ValidationFailed, match=r"night\.fresh"):
        shop.night(7)  # the 6th is no closed day


@pytest.mark.usefixtures("unchecked")
def test_set_aside_rows_come_back_when_their_item_arrives(tmp_path: Path) -> None:
    shop = lenient(
        tmp_path,
        [
            ("ann", "vase", (1, 5)),
            ("ann", "lamp", (1, 6)),
            ("bob", "mug", (2, 5)),
            ("bob", "mug", (3, 5)),
        ],
    )
    assert shop.night(2).waiting == {"unknown_item": 1}
    second_night = shop.night(3)
    assert (second_night.waiting, second_night.readmitted) == ({"unknown_item": 1}, 0)
    shop.items = ["lamp", "mug", "vase"]
    third = shop.night(4)
    assert (third.waiting, third.readmitted) == ({}, 1)
    assert third.days == (date(2026, 1, 1), date(2026, 1, 3))
    assert len(third.snapshot.events()) == 4
    # the item is sold on the 1st, so it exists from then on
    assert third.snapshot.items.set_index("item_id").loc["vase", "available_from"] == second(1, 5)


@pytest.mark.usefixtures("unchecked")
def test_set_aside_rows_are_given_up_after_a_while(tmp_path: Path) -> None:
    rows = [("ann", "vase", (1, 5)), *(("ann", "lamp", (day, 6)) for day in range(1, 6))]
    shop = lenient(
        tmp_path, rows, validation={"max_quarantine_days": 2}, extract={"lookback_days": 0}
    )
    assert shop.night(2).waiting == {"unknown_item": 1}
    assert shop.night(4).waiting == {"unknown_item": 1}  # set aside on the 2nd, two days ago
    last = shop.night(5)
    assert (last.waiting, last.expired) == ({}, 1)


@pytest.mark.usefixtures("unchecked")
def test_items_exist_from_their_column_or_first_sale_or_first_night(tmp_path: Path) -> None:
    shop = lenient(
        tmp_path,
        [("ann", "lamp", (2, 7)), ("ann", "lamp", (1, 9))],
        items={"available_from_column": "launch"},
    )
    launch = ["2026-01-02", None, "2026-01-01T06:00:00", "2026-03-01"]
    shop.items = pd.DataFrame({"item_id": ["lamp", "mug", "pen", "yarn"], "launch": launch})
    items = shop.night(3).snapshot.items.set_index("item_id")["available_from"]
    assert items.to_dict() == {
        "lamp": second(1, 9),  # sold before the launch its row names: it existed
        "mug": start_of(
            date(2026, 1, 3)
        ),  # never sold, no launch: from the first night that knew it
        "pen": second(1, 6 * 3600),
        "yarn": start_of(date(2026, 3, 1)),
    }
    assert shop.night(4).snapshot.items.set_index("item_id")["available_from"]["mug"] == start_of(
        date(2026, 1, 3)
    )


@pytest.mark.usefixtures("unchecked")
def test_a_delisted_item_keeps_its_row_but_is_not_available(tmp_path: Path) -> None:
    attributes = {
        "attributes": [{"name": "colour", "kind": "categorical"}],
        "available_column": "stock",
    }
    shop = lenient(tmp_path, [("ann", "lamp", (1, 5)), ("ann", "lamp", (2, 5))], items=attributes)
    shop.items = pd.DataFrame(
        {"item_id": ["lamp", "mug"], "colour": ["red", "blue"], "stock": [True, False]}
    )
    assert shop.night(2).snapshot.items["available"].tolist() == [True, False]
    shop.items = pd.DataFrame({"item_id": ["mug"], "colour": ["green"], "stock": [True]})
    items = shop.night(3).snapshot.items
    assert items["item_id"].tolist() == ["lamp", "mug"]
    assert items["colour"].tolist() == ["red", "green"]
    assert items["available"].tolist() == [False, True]
    assert shop.night(3).waiting == {}  # its events still name a known item


@pytest.mark.usefixtures("unchecked")
def test_an_old_night_rerun_after_later_keys_keeps_row_number_and_key_together(
    tmp_path: Path,
) -> None:
    shop = lenient(tmp_path, [("ann", "lamp", (1, 5)), ("bob", "mug", (2, 5))])
    shop.night(2)
    shop.users, shop.items = (
        ["ann", "bob", "cyd", "dan"],
        ["lamp", "mug", "pen", "zip"],
    )  # keys 2 and 3
    later = shop.night(3)
    shop.users, shop.items = (
        ["ann", "bob", "dan"],
        ["lamp", "mug", "zip"],
    )  # now delivered for the older night
    shop.settings["validation"]["max_quarantine_days"] = (
        29  # settings changed: the night is really rerun
    )
    again = shop.night(2).snapshot
    assert again.users["user_id"].tolist() == ["ann", "bob", "cyd", "dan"]
    assert again.items["available_from"].tolist()[2] == NEVER  # pen: a key of the future
    assert again.items["available"].tolist() == [True, True, False, True]
    assert later.snapshot.n_users == 4


def test_a_failed_night_leaves_a_report_and_no_snapshot(tmp_path: Path) -> None:
    rows = [("ann", "lamp", (1, second)) for second in range(8)] + [
        ("ann", "vase", (1, 9)),
        (None, "lamp", (1, 10)),
    ]
    shop = LiteralShop(tmp_path, rows, users=["ann"], items=["lamp"])
    for _ in range(2):  # a rerun of the same batch fails the same way
        with pytest.raises(ValidationFailed) as caught:
            shop.night(2)
    assert "events.missing_user: 1 of 10 rows (10.00%) (allowed: 0.00%)" in caught.value.found
    assert (
        "events.unknown_item: 1 of 10 rows (10.00%) (allowed: 5.00%), e.g. 'vase'"
        in caught.value.found
    )
    assert shop.lake.keys("snapshot") == []
    assert len(shop.lake.versions("validation", "2026-01-02")) == 1
    artifact = shop.lake.require("validation", "2026-01-02")
    assert "1 of 10 rows" in artifact.file("data_docs/index.html").read_text()
    assert artifact.file("data_docs/events.html").exists()
    shop.rows = rows[:8]  # the corrected batch of the same night
    assert len(shop.night(2).snapshot.events()) == 8
    shop.rows = rows  # and broken again: the newest extract counts
    with pytest.raises(ValidationFailed):
        shop.night(2)


def test_messages_name_no_user(tmp_path: Path) -> None:
    shop = LiteralShop(
        tmp_path, [("ann@example.org", "lamp", (1, 5))], users=["bob"], items=["lamp"]
    )
    with pytest.raises(ValidationFailed) as caught:
        shop.night(2)
    pages = [p.read_text() for p in shop.lake.require("validation", "2026-01-02").path.rglob("*.*")]
    assert hashed_user("ann@example.org") in caught.value.found
    assert not any("ann@example.org" in text for text in [str(caught.value), *pages])


@pytest.mark.usefixtures("unchecked")
def test_freezing_twice_from_nothing_gives_the_same_rows(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shop = lenient(
            tmp_path / name,
            [("bob", "mug", (1, 5)), ("ann", "lamp", (1, 5)), ("ann", "lamp", (2, 5))],
        )
        snapshot = shop.night(3).snapshot
        files = [
            *map(Path, snapshot.event_files()),
            *(snapshot.artifact.file(f"{t}.parquet") for t in ("users", "items")),
        ]
        contents.append([path.read_bytes() for path in files])
        assert open_snapshot(shop.config, shop.lake, date(2026, 1, 3)).n_items == 2
        assert freeze(shop.config, shop.lake, date(2026, 1, 3), now=None).rows == 3  # type: ignore[arg-type]
    assert contents[0] == contents[1]


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_no_use_are_missing_and_ids_with_nul_are_set_aside(tmp_path: Path) -> None:
    items = pd.DataFrame({"item_id": ["i", "j", "k"], "cost": ["inf", "1e300", "2"]})
    settings = {
        "items": {"attributes": [{"name": "cost", "kind": "numeric"}]},
        "events": {"price_column": "price"},
    }
    rows: list[Row] = [
        ("u", "i", (1, 1)),
        ("v\0", "i", (1, 2)),
        ("w", "i", (1, 3), "purchase", 1e300),
    ]
    night = LiteralShop(tmp_path, rows, items=items, settings=settings).night(
        2
    )  # users are those of the rows
    assert night.snapshot.items["cost"].fillna(-1).tolist() == [-1, -1, 2]
    assert night.waiting == {"unstorable": 1, "bad_price": 1}
    assert night.snapshot.users["user_id"].tolist() == ["u", "w"]
