"""Over how many days popularity is counted follows what a shop's own last weeks say."""

from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.retrieval.candidates.popularity import popular
from recsys_tasks.retrieval.candidates.tempo import USUAL_DAYS, popular_days
from recsys_tasks.snapshot.events import Events

CUTOFF = 100 * DAY_SECONDS


def shop(life: float, a_day: int = 150, seed: int = 0) -> Events:
    """70 days of events with items that are in demand for `life` days on average; 10 new ones a
    day.
    """
    rng = np.random.default_rng(seed)
    born = np.repeat(np.arange(30, 100), 10)
    appeal = rng.pareto(1.2, len(born)) + 0.1
    items, days = [], []
    for day in range(30, 100):
        demand = np.where(born <= day, appeal * np.exp(-(day - born) / life), 0.0)
        items.append(rng.choice(len(born), a_day, p=demand / demand.sum()))
        days.append(np.full(a_day, day))
    return events(np.concatenate(items), (np.concatenate(days) + 0.5) * DAY_SECONDS)


def events(items: np.ndarray, seconds: np.ndarray) -> Events:
    n = len(items)
    empty = np.full(n, np.nan, np.float32)
    users = np.arange(n, dtype=np.int32)
    ts, code = seconds.astype(np.int64), np.zeros(n, np.int8)
    return Events(users, items.astype(np.int32), ts, code, np.ones(n, np.float32), empty, empty)


@pytest.mark.parametrize("window_days", [1, 7])
def test_items_that_live_for_days_are_counted_over_days(window_days: int) -> None:
    assert popular_days(shop(life=1.5), CUTOFF, window_days) <= 4


def test_items_that_live_for_ever_are_counted_over_the_usual_days() -> None:
    assert popular_days(shop(life=10_000.0), CUTOFF, 7) == USUAL_DAYS


def test_too_few_events_to_compare_anything_are_counted_over_the_usual_days() -> None:
    few = shop(life=1.5, a_day=4)
    assert popular_days(few, CUTOFF, 7) == USUAL_DAYS
    assert popular_days(few.before(0), CUTOFF, 7) == USUAL_DAYS


def test_what_comes_after_the_cutoff_changes_nothing() -> None:
    known = shop(life=1.5)
    later = events(np.arange(500), np.full(500, CUTOFF + 10))
    both = Events(
        *(
            np.concatenate([getattr(known, name), getattr(later, name)])
            for name in Events.__dataclass_fields__
        )
    )
    assert popular_days(both, CUTOFF, 7) == popular_days(known, CUTOFF, 7)


def test_popular_items_of_the_chosen_days_come_first_and_earlier_ones_follow() -> None:
    # item 0: three events three weeks ago; item 1: one yesterday; item 2: one two weeks ago
    ages = np.array([21, 21, 21, 1, 14])
    found = events(np.array([0, 0, 0, 1, 2]), CUTOFF - ages * DAY_SECONDS)
    nobody_apart = np.zeros(5, np.int32)
    for days, order in ((2, [1, 0, 2]), (28, [0, 1, 2])):
        items, scores = popular(found, nobody_apart, CUTOFF, days, np.ones(3, bool), 3)
        assert items[0].tolist() == order
        assert (np.diff(scores[0]) <= 0).all()
