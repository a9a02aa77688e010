"""Events of a snapshot, as arrays: sorted, whatever the order in which days and their rows were
stored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events
from tests.worlds import make_config, make_snapshot

DAY = 86_400
KINDS = {"kinds": [{"name": "view", "weight": 0.5}, {"name": "purchase", "weight": 2.0}]}
# (user, second, item, event, price). Keys are given in the order of appearance: u 0, w 1; i 0, j 1,
# k 2.
SORTED_DAYS = [
    ("u", 1 * DAY + 5, "i", "purchase", 1.0),
    ("u", 1 * DAY + 9, "i", "view", 2.0),
    ("w", 1 * DAY + 1, "j", "purchase", 3.0),
    ("u", 2 * DAY + 4, "k", "view", 4.0),
    ("w", 2 * DAY + 4, "i", "view", 5.0),
    ("w", 2 * DAY + 4, "i", "purchase", 6.0),
    ("w", 2 * DAY + 4, "j", "view", 7.0),
]
# u's three by time; w's by time, in one second item i before j, and of i the view before the
# purchase.
EXPECTED_PRICES = [1.0, 2.0, 4.0, 3.0, 5.0, 6.0, 7.0]


def _snapshot(folder: Path, rows: list[tuple[str, int, str, str, float]]) -> Snapshot:
    config = make_config(events=KINDS)
    frame = pd.DataFrame(rows, columns=["user_id", "ts", "item_id", "event", "price"])
    items, users = pd.DataFrame({"item_id": ["i", "j", "k"]}), pd.DataFrame({"user_id": ["u", "w"]})
    return make_snapshot(folder, config, "1970-01-04", frame, items=items, users=users)


@pytest.mark.parametrize("order", ["0123456", "2106543", "1023456", "0123546", "0123645"])
def test_rows_of_a_user_stand_together_in_the_order_of_time(tmp_path: Path, order: str) -> None:
    """Stored days are sorted; were one not, its rows would be sorted all the same."""
    events = _snapshot(tmp_path, [SORTED_DAYS[int(row)] for row in order]).events()
    assert events.price.tolist() == EXPECTED_PRICES
    assert events.user.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert events.item.tolist() == [0, 0, 2, 1, 0, 0, 1]
    assert events.ts.tolist() == [DAY + 5, DAY + 9, 2 * DAY + 4, DAY + 1, *[2 * DAY + 4] * 3]
    assert events.event.tolist() == [1, 0, 0, 1, 0, 1, 0]
    assert events.weight.tolist() == [2.0, 0.5, 0.5, 2.0, 0.5, 2.0, 0.5]


def test_no_days_have_no_events(tmp_path: Path) -> None:
    snapshot = _snapshot(tmp_path, SORTED_DAYS)
    nothing = snapshot.events(before=snapshot.first_day)
    assert len(nothing) == 0
    assert nothing.ts.dtype == np.int64 and nothing.weight.dtype == np.float32


def test_events_before_a_second_are_the_same_arrays_where_none_is_later(tmp_path: Path) -> None:
    events = _snapshot(tmp_path, SORTED_DAYS).events()
    assert events.before(3 * DAY) is events
    earlier: Events = events.before(2 * DAY + 4)  # strictly
    assert earlier.price.tolist() == [1.0, 2.0, 3.0]
