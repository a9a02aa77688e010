"""What was on offer as of a day: told by the snapshot of that day, and never by a later one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.snapshot.freeze import freeze
from tests.snapshot.shops import LiteralShop
from tests.worlds import make_config, make_snapshot

ROWS = pd.DataFrame({"user_id": ["u"], "item_id": ["lamp"], "ts": [start_of(date(2026, 1, 1))]})


def night(folder: Path, day: int, **on_offer: bool) -> Snapshot:
    """The shop's night in January 2026; every item exists from the 1st on but the vase, from the
    8th.
    """
    from_day = {name: start_of(date(2026, 1, 8 if name == "vase" else 1)) for name in on_offer}
    items = pd.DataFrame({"item_id": on_offer.keys(), "available": on_offer.values()})
    items["available_from"] = items["item_id"].map(from_day)
    return make_snapshot(folder, make_config(), date(2026, 1, day), ROWS, items)


def named(snapshot: Snapshot, day: int) -> list[str]:
    names: list[str] = snapshot.items["item_id"][
        eligible_items(snapshot, date(2026, 1, day))
    ].tolist()
    return names


def test_tonight_what_exists_and_is_on_offer(tmp_path: Path) -> None:
    snapshot = night(tmp_path, 8, lamp=True, mug=False, vase=True)
    assert named(snapshot, 8) == ["lamp"]  # the vase exists from the cutoff on, not before it
    assert named(snapshot, 9) == ["lamp", "vase"]


def test_a_past_night_is_asked_what_was_on_offer_then(tmp_path: Path) -> None:
    night(tmp_path, 5, lamp=True, mug=False)
    tonight = night(tmp_path, 12, lamp=False, mug=True, vase=True, pen=True)
    assert named(tonight, 12) == ["mug", "pen", "vase"]
    # Delisted since: the lamp; back since: the mug; the vase did not exist, of the pen nobody had
    # heard.
    assert named(tonight, 5) == ["lamp"]


def test_where_nobody_knows_whatever_existed_may_be_named(tmp_path: Path) -> None:
    night(tmp_path, 5, lamp=True, mug=False)
    tonight = night(tmp_path, 12, lamp=False, mug=False, vase=True)
    assert named(tonight, 4) == named(tonight, 6) == ["lamp", "mug"]  # no snapshot of these days


def test_an_older_snapshot_knows_nothing_of_the_night_after(tmp_path: Path) -> None:
    first = night(tmp_path, 5, lamp=True, mug=False)
    night(tmp_path, 12, lamp=False, mug=True)
    assert named(first, 5) == ["lamp"]


@pytest.mark.usefixtures("unchecked")
def test_a_night_made_up_for_later_does_not_pass_for_what_was_known_then(tmp_path: Path) -> None:
    items = {"available_column": "stock"}
    shop = LiteralShop(
        tmp_path,
        [("ann", "lamp", (1, 5))],
        users=["ann"],
        settings={"items": items, "clock": "wall"},
    )

    def freeze_night(day: int, read: int, stock: list[bool]) -> Snapshot:
        shop.items = pd.DataFrame({"item_id": ["lamp", "mug"], "stock": stock})
        now = datetime(2026, 1, read, 1, tzinfo=UTC)
        shop.extract(day, now)
        return freeze(shop.config, shop.lake, date(2026, 1, day), now).snapshot

    freeze_night(3, 3, [True, False])
    freeze_night(4, 9, [False, True])  # nobody ran it on the 4th; by the 9th the lamp is gone
    tonight = freeze_night(9, 9, [False, True])
    launched = tonight.items["available_from"].to_numpy() < start_of(date(2026, 1, 4))
    assert eligible_items(tonight, date(2026, 1, 4)).tolist() == launched.tolist() == [True, True]
    assert named(tonight, 3) == ["lamp"]
    freeze_night(
        3, 9, [False, True]
    )  # the night of the 3rd again: what was known on the 3rd still counts
    assert named(tonight, 3) == ["lamp"]
    assert np.array_equal(eligible_items(tonight, date(2026, 1, 9)), [False, True])
