"""Negative events of small shops: what they leave of the events before them, and what they ban."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.config import Config
from recsys_tasks.errors import ValidationFailed
from recsys_tasks.snapshot.bans import bans_at
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.erasing import Subject, cut_declared
from recsys_tasks.snapshot.kinds import EVENTS
from tests.snapshot.plain_negatives import (
    KINDS,
    SECONDS,
    Happened,
    banned,
    left_over,
    negative_kinds,
)
from tests.snapshot.shops import LiteralShop, second
from tests.worlds import make_config, make_snapshot

PHASES = (Phase.explicit, Phase.generate)
START = date(2026, 1, 1)
USERS, ITEMS = 3, 3


def rows() -> st.SearchStrategy[list[Happened]]:
    what = st.sampled_from([*KINDS, *KINDS, "no0", "no1", "no2"])
    one = st.builds(
        Happened,
        st.integers(0, USERS - 1),
        st.integers(0, ITEMS - 1),
        st.sampled_from(SECONDS),
        what,
        st.integers(1, 3),
    )
    # Exact duplicates are no rows of a snapshot.
    return st.lists(one, min_size=1, max_size=30, unique=True)


def shop_of(kinds: list[dict[str, Any]], **changes: Any) -> Config:
    events = {
        "kinds": [{"name": "view"}, {"name": "purchase", "weight": 2}],
        "quantity_column": "quantity",
        "negatives": kinds,
    }
    return make_config(events=events, **changes)


def frozen(folder: str, config: Config, happened: list[Happened]) -> Snapshot:
    # In the order in which a night stores them.
    ordered = sorted(
        happened,
        key=lambda row: (
            row.user,
            row.ts,
            row.item,
            config.events.known.index(row.what),
            row.units,
        ),
    )
    frame = pd.DataFrame(
        {
            "user_id": [f"u{row.user}" for row in ordered],
            "item_id": [f"i{row.item}" for row in ordered],
            "ts": [start_of(START) + row.ts for row in ordered],
            "event": [row.what for row in ordered],
            "quantity": [float(row.units) for row in ordered],
        }
    )
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(USERS)]})
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)]})
    return make_snapshot(Path(folder), config, "2026-01-09", frame, items, users)


def told(happened: list[Happened]) -> list[tuple[int, int, int, str, float]]:
    return sorted(
        (row.user, start_of(START) + row.ts, row.item, row.what, float(row.units))
        for row in happened
    )


def read(snapshot: Snapshot, since: date | None, before: date) -> list[Any]:
    events = snapshot.events(since, before)
    names = [KINDS[code] for code in events.event]
    columns = (column.tolist() for column in (events.user, events.ts, events.item))
    return sorted(zip(*columns, names, events.quantity.tolist(), strict=True))


SHOPS = {
    "kinds": negative_kinds(),
    "happened": rows(),
    "day": st.integers(1, 8),
    "first": st.integers(0, 7),
}


@settings(max_examples=25, deadline=None, derandomize=True, phases=PHASES)
@given(**SHOPS)
def test_what_is_left_and_what_is_banned_at_any_cutoff(
    kinds: list[dict[str, Any]], happened: list[Happened], day: int, first: int
) -> None:
    check_shop(kinds, happened, day, first)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(**SHOPS)
def test_so_it_is_over_hundreds_of_shops(
    kinds: list[dict[str, Any]], happened: list[Happened], day: int, first: int
) -> None:
    check_shop(kinds, happened, day, first)


def check_shop(kinds: list[dict[str, Any]], happened: list[Happened], day: int, first: int) -> None:
    names = {*KINDS, *(kind["name"] for kind in kinds)}
    happened = [row for row in happened if row.what in names]
    if not happened:
        return
    with tempfile.TemporaryDirectory() as folder:
        snapshot = frozen(folder, shop_of(kinds), happened)
        before, since = START + timedelta(days=day), START + timedelta(days=min(first, day))
        left = left_over(happened, kinds, day * DAY_SECONDS)
        assert read(snapshot, None, before) == told(left)
        inside = [row for row in left if row.ts >= min(first, day) * DAY_SECONDS]
        assert read(snapshot, since, before) == told(inside)
        everything = snapshot.events(before=date(2026, 1, 9))
        known = snapshot.known_before(everything, before)
        assert len(known) == len(left)
        tables = [*snapshot.event_tables(["user_key"], since, before)]
        assert sum(table.num_rows for table in tables) == len(inside)
        bans = bans_at(snapshot, before)
        assert bans is not None
        expected = banned(happened, kinds, day * DAY_SECONDS)
        assert {*zip(*(c.tolist() for c in bans.pairs()), strict=True)} == expected
        items = np.tile(np.arange(-1, ITEMS, dtype=np.int32), (USERS, 1))
        shown = bans.of(np.arange(USERS, dtype=np.int32), items)
        assert {(u, int(items[u, c])) for u, c in np.argwhere(shown)} == expected


@pytest.mark.usefixtures("unchecked")
def test_a_day_of_nothing_but_a_dislike_bans_and_takes_back(tmp_path: Path) -> None:
    events = {"negatives": [{"name": "dislike"}]}
    delivered = [
        ("ann", "lamp", (1, 5)),
        ("ann", "mug", (1, 6)),
        ("bob", "lamp", (1, 7)),
        ("ann", "lamp", (2, 5), "dislike"),
    ]
    shop = LiteralShop(tmp_path, delivered, ["ann", "bob"], ["lamp", "mug"], {"events": events})
    first, later = shop.night(2).snapshot, shop.night(3).snapshot
    # users ann 0, bob 1; items lamp 0, mug 1: ann's lamp is gone on the second night
    assert (first.events().user.tolist(), first.events().item.tolist()) == ([0, 0, 1], [0, 1, 0])
    assert (later.events().user.tolist(), later.events().item.tolist()) == ([0, 1], [1, 0])
    assert later.artifact.facts["negatives"] == 1
    assert later.artifact.facts["taken_back"] == 1
    bans = bans_at(later, later.as_of)
    assert bans is not None and bans.codes.tolist() == [0]
    # The day before the dislike is as it was: only what is new is written.
    days = (date(2026, 1, 1), date(2026, 1, 2))
    assert later.parts[days[0]] == first.parts[days[0]]
    assert [*later.parts] == [*days]


RETURNED = {"name": "return", "rows": "negative_quantity", "takes_back": "units", "for_days": 30}


def with_units(folder: Path, rows: list[Any], negatives: list[dict[str, Any]]) -> LiteralShop:
    """The column `price` holds the units."""
    events = {"quantity_column": "price", "negatives": negatives}
    return LiteralShop(folder, rows, ["ann", "bob"], ["lamp", "mug"], {"events": events})


def test_rows_of_negative_quantity_are_returns_of_so_many_units(tmp_path: Path) -> None:
    delivered = [
        ("ann", "lamp", (1, 5), "purchase", 2),
        ("ann", "lamp", (1, 6), "purchase", 1),
        ("ann", "lamp", (1, 7), "purchase", -2),  # the one of second 6, and one of second 5's two
        ("bob", "mug", (1, 5), "purchase", 3),
        ("bob", "mug", (1, 6), "purchase", -3),
        ("bob", "lamp", (1, 5), "purchase", None),
    ]
    shop = with_units(tmp_path, delivered, [RETURNED])
    frozen_night = shop.night(2)
    events = frozen_night.snapshot.events()
    assert (events.user.tolist(), events.item.tolist()) == ([0, 1], [0, 0])
    assert events.ts.tolist() == [second(1, 5)] * 2
    assert frozen_night.waiting == {} and frozen_night.report.passed
    bans = bans_at(frozen_night.snapshot, date(2026, 1, 2))
    assert bans is not None and bans.codes.tolist() == [0, 3]  # ann's lamp, bob's mug


def test_without_a_word_on_returns_they_are_refused_with_the_setting_that_takes_them(
    tmp_path: Path,
) -> None:
    delivered = [("ann", "lamp", (1, 5), "purchase", 1), ("ann", "lamp", (1, 6), "purchase", -1)]
    with pytest.raises(ValidationFailed, match=r"events\.negatives.*rows: negative_quantity"):
        with_units(tmp_path, delivered, []).night(2)


@pytest.mark.usefixtures("unchecked")
def test_a_kind_that_becomes_negative_is_read_anew(tmp_path: Path) -> None:
    delivered = [("ann", "lamp", (1, 5)), ("ann", "lamp", (1, 6), "return")]
    shop = LiteralShop(tmp_path, delivered, ["ann"], ["lamp"])
    shop.settings["events"] = {"kinds": [{"name": "purchase"}, {"name": "return"}]}
    assert shop.night(2).snapshot.events().ts.tolist() == [second(1, 5), second(1, 6)]
    shop.settings["events"] = {"negatives": [{"name": "return", "takes_back": "nothing"}]}
    assert shop.night(2).snapshot.events().ts.tolist() == [second(1, 5)]
    before = shop.night(2).snapshot.artifact.content
    shop.settings["events"] = {"negatives": [{"name": "return"}]}
    again = shop.night(2).snapshot
    assert len(again.events()) == 0
    assert again.artifact.content != before  # whatever was made of it is made anew


def test_a_users_negative_events_are_exported_and_erased(tmp_path: Path) -> None:
    config = shop_of([{"name": "no0"}])
    happened = [
        Happened(0, 0, SECONDS[0], "no0", 1),
        Happened(1, 1, SECONDS[0], "no0", 1),
        Happened(1, 1, SECONDS[0], "view", 1),
    ]
    day = frozen(str(tmp_path), config, happened)
    artifact = day.lake.get(day.parts[START])
    cuts = cut_declared(EVENTS, artifact, Subject("u0", 0))
    assert [cut.rows for cut in cuts] == [1]
    (row,) = cuts[0].contents()["negatives.parquet"]
    assert (row["user_key"], row["item_key"], row["kind"]) == (0, 0, 0)
