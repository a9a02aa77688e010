"""How a user's list differs from the one before, counted by hand."""

from __future__ import annotations

import numpy as np

from recsys_tasks.monitoring.lists.changes import list_changes
from recsys_tasks.monitoring.lists.outcomes import Shown, count_outcomes, outcomes_of
from recsys_tasks.snapshot.events import Events


def test_what_came_went_and_moved_of_users_with_both_lists() -> None:
    """User 7: 1 2 3 became 2 1 4: 4 is new, 3 is gone (off offer), 1 and 2 changed places. User 5:
    one item, the same. User 3 has no list before, user 9 none now.
    """
    before = (
        np.array([5, 7, 9], np.int32),
        np.array([[1, -1, -1], [1, 2, 3], [1, 2, 3]], np.int32),
    )
    now = (np.array([3, 5, 7], np.int32), np.array([[1, 2, 3], [1, -1, -1], [2, 1, 4]], np.int32))
    on_offer = np.array([True, True, True, False, True])
    events = np.array([0, 0, 0, 9, 0, 0, 0, 2], np.int64)
    assert list_changes(before, now, on_offer, events).to_pylist() == [
        {
            "user_key": 5,
            "places": 1,
            "new_items": 0,
            "gone_items": 0,
            "moved_items": 0,
            "off_offer": 0,
            "own_events": 0,
        },
        {
            "user_key": 7,
            "places": 3,
            "new_items": 1,
            "gone_items": 1,
            "moved_items": 2,
            "off_offer": 1,
            "own_events": 2,
        },
    ]


def test_outcomes_are_added_up_by_place_and_kind() -> None:
    """User 4 looked twice at item 8, in the second place, and bought three for 2.5 each; user 6
    looked at an item of another's list.
    """
    shown = Shown(
        users=np.array([6, 4], np.int32),
        items=np.array([[1, -1], [7, 8]], np.int32),
        reasons=np.array([[0, 0], [0, 2]], np.int8),
        segment=np.array([1, 0]),
        segments=["nl", ""],
    )
    done = [(4, 8, 0, 1.0, np.nan), (4, 8, 0, np.nan, 1), (4, 8, 1, 2.5, 3), (6, 8, 0, 1.0, 1)]
    user, item, kind, price, quantity = (np.array(column) for column in zip(*done, strict=True))
    events = Events(
        user.astype(np.int32),
        item.astype(np.int32),
        np.zeros(4, np.int64),
        kind.astype(np.int8),
        np.ones(4, np.float32),
        price.astype(np.float32),
        quantity.astype(np.float32),
    )
    counts = count_outcomes(shown, outcomes_of(shown, events), ["view", "buy"])
    of = {"segment": "nl", "rank": 2, "reason": 2, "places_with": 1}
    assert counts.to_pylist() == [
        {**of, "event": "view", "times": 2, "amount": 1.0},
        {**of, "event": "buy", "times": 1, "amount": 7.5},
    ]
