"""What the gate measures of a watch objective, by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.stages.judging.window import GateWindow, judged_users
from tests.worlds import make_config, make_snapshot

BEGIN, AS_OF = date(2026, 3, 2), date(2026, 3, 9)


def test_lists_are_measured_by_what_was_watched_and_scores_by_how_much(tmp_path: Path) -> None:
    config = make_config(
        events={"kinds": [{"name": "watch"}, {"name": "buy"}], "quantity_column": "seconds"},
        items={"attributes": [{"name": "length", "kind": "numeric"}]},
        objectives=[
            {
                "name": "watched",
                "events": ["watch"],
                "weight": 3,
                "watch": {"length": "length", "bands": 2},
            },
            {"name": "bought", "events": ["buy"]},
        ],
    )
    rows = [  # user, item, event, seconds, day of March
        ("a", "clip", "watch", 60.0, 1),  # before the window: counts for no rank
        ("a", "clip", "watch", 6.0, 3),
        ("b", "clip", "watch", 30.0, 3),
        ("a", "film", "watch", 900.0, 4),
        ("b", "film", "watch", 300.0, 4),
        ("a", "film", "buy", np.nan, 5),
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "event", "quantity", "day"])
    events["ts"] = [start_of(date(2026, 3, day)) for day in events.pop("day")]
    items = pd.DataFrame({"item_id": ["clip", "film"], "length": [60.0, 3600.0]})
    snapshot = make_snapshot(tmp_path, config, AS_OF, events, items)
    window = GateWindow(snapshot, Cutoffs.at(BEGIN), AS_OF)
    judged = judged_users(window)
    clip, film = 0, 1
    # Two pairs a band, ranks 1/4 and 3/4: of clips b watched more, of films a did. From 1/2 on it
    # counts as found.
    assert judged.users.tolist() == [0, 1]
    assert list(zip(judged.truth.rows.tolist(), judged.truth.items.tolist(), strict=True)) == [
        (0, film),
        (1, clip),
    ]
    # Watching is 3/4 of the score: a's film .75 * .75 + .25 for having bought it, a's clip .75 *
    # .25, b's alike.
    lists = np.array([[film, clip], [clip, film]], np.int32)
    np.testing.assert_allclose(
        judged.fulfilled.came_true(lists), [[0.8125, 0.1875], [0.5625, 0.1875]]
    )
    assert (judged.fulfilled.came_true(np.full((2, 2), -1, np.int32)) == 0).all()
