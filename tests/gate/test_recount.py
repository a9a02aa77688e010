"""The second count: equal to the first where nothing is wrong, and blind to none of the joins."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_tasks import metrics
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.gate.evaluate import Catalogue, Truth, evaluate, item_sets, truth_between
from recsys_tasks.gate.recount import Counted, plain_ndcg
from recsys_tasks.stages.judging.recount import Measured, count_figures, count_truth, sample
from recsys_tasks.stages.judging.window import GateWindow
from tests.gate.test_evaluate import truth_of
from tests.worlds import make_config, make_snapshot

BEGIN, AS_OF = date(2026, 3, 2), date(2026, 3, 9)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(-1, 9), max_size=8, unique_by=lambda i: i if i >= 0 else object()),
    st.sets(st.integers(0, 9)),
)
def test_the_plain_figure_is_that_of_the_fast_one(items: list[int], wanted: set[int]) -> None:
    lists, truth = np.array([[*items, -1]], np.int32), truth_of([sorted(wanted)])
    fast = metrics.per_user(lists, truth.offsets, truth.items, 5)["ndcg@5"][0]
    np.testing.assert_allclose(plain_ndcg(lists[0].tolist(), wanted, 5), fast)


@pytest.fixture
def window(tmp_path: Path) -> GateWindow:
    """Three users; the objective is buying, and watching enough of a clip."""
    config = make_config(
        events={
            "kinds": [{"name": "watch"}, {"name": "buy"}, {"name": "view"}],
            "quantity_column": "seconds",
        },
        items={"attributes": [{"name": "length", "kind": "numeric"}]},
        objectives=[
            {"name": "watched", "events": ["watch"], "watch": {"length": "length"}},
            {"name": "bought", "events": ["buy"]},
        ],
    )
    rows = [  # user, item, event, day of March
        ("a", "clip", "buy", 1),  # before the window
        ("a", "film", "buy", 2),
        ("a", "clip", "watch", 3),
        ("b", "clip", "buy", 8),
        ("b", "film", "view", 8),  # no objective's
        ("c", "film", "buy", 9),  # after the window
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "event", "day"])
    events["ts"] = [start_of(date(2026, 3, day)) for day in events.pop("day")]
    events["quantity"] = 60.0
    items = pd.DataFrame({"item_id": ["clip", "film"], "length": [60.0, 3600.0]})
    snapshot = make_snapshot(tmp_path, config, date(2026, 3, 12), events, items)
    return GateWindow(snapshot, Cutoffs.at(BEGIN), AS_OF)


def sets(*items: list[int]) -> Truth:
    rows = np.repeat(np.arange(len(items)), [len(some) for some in items])
    return item_sets(
        np.arange(len(items), dtype=np.int32),
        rows,
        np.array([i for some in items for i in some], np.int32),
    )


CLIP, FILM = 0, 1


@pytest.mark.parametrize(
    ("truth", "wrong"),
    [
        (sets([CLIP, FILM], [CLIP], []), 0),
        (sets([FILM], [CLIP], []), 0),  # whether enough was watched is not counted again
        (sets([CLIP], [CLIP], []), 1),  # a bought the film
        (sets([CLIP, FILM], [], []), 1),
        (sets([FILM], [CLIP, FILM], []), 1),  # a view fulfils nothing
        (sets([CLIP], [], [FILM]), 3),  # each has what another did, or what came after the window
    ],
)
def test_what_users_did_is_read_from_the_files(
    window: GateWindow, truth: Truth, wrong: int
) -> None:
    counted, delivered = count_truth(window, truth, [0, 1, 2])
    assert counted == Counted(3, wrong)
    assert delivered == Counted()  # this snapshot was made of no delivered rows


def test_rows_beyond_the_window_are_the_first_counts_alone(window: GateWindow) -> None:
    users = np.arange(3, dtype=np.int32)
    late = truth_between(
        window.snapshot.events(before=date(2026, 3, 12)), [1], start_of(BEGIN), 2**40, users
    )
    assert count_truth(window, late, [0, 1, 2])[0] == Counted(3, 1)  # c's film


def test_figures_of_other_rows_are_found() -> None:
    truth, lists = truth_of([[1], [2], [3]]), np.array([[1, 9], [9, 2], [8, 9]], np.int32)
    right = evaluate("r", lists, truth, catalogue=Catalogue(np.ones(10, np.int64)), k=2)
    assert count_figures(truth, [0, 1, 2], [Measured(lists, right)], "ndcg@2") == Counted(3, 0)
    # Of the third user neither list hits: both figures are 0.
    moved = Measured(np.roll(lists, 1, axis=0), right)
    assert count_figures(truth, [0, 1, 2], [Measured(lists, right), moved], "ndcg@2") == Counted(
        3, 2
    )


def test_a_sample_has_users_with_and_without_a_truth() -> None:
    some = sets(*([[1]] * 700 + [[]] * 700))
    assert np.bincount(sample(some, 1) < 700).tolist() == [200, 200]
    assert len(sample(sets([1], [], [2]), 1)) == 3 and len(sample(sets(*([[1]] * 500)), 1)) == 400
