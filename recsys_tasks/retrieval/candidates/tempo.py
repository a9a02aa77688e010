"""How fast a shop's demand moves: over how many days popularity is best counted.

On a news site yesterday's counts say what is read today; in a shop of books a month's do. So the
shop's own last weeks are asked: lists of what was popular over several numbers of days, made as of
past days, are compared by what everybody did after.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import AnyFloat, Float64
from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.snapshot.events import Events

USUAL_DAYS = 28
"""Taken where nothing else is clearly better."""
CHOICES = (1, 2, 4, 7, 14, USUAL_DAYS)
PLACES = 50
"""Places of the lists that are compared, discounted as in DCG."""
TESTS, TEST_DAYS = 3, 7
"""At least so many windows are predicted, and at least so many days in all."""
FEWEST_EVENTS = 200
"""With fewer events to predict, nothing is compared."""
CLEARLY = 1.02
"""What another number of days must reach, as a multiple of what the usual one does."""


def popular_days(events: Events, cutoff: int, window_days: int) -> int:
    """One of CHOICES: the days before a cutoff (seconds) over which counts predicted best, in the
    last weeks, what was done in the following `window_days`.
    """
    tests = _tests(window_days)
    counts = _daily_counts(events, cutoff, days_needed(window_days))
    found = dict.fromkeys(CHOICES, 0.0)
    predicted = 0.0
    for test in range(1, tests + 1):
        after = test * window_days  # a window's start, in days before the cutoff
        truth = counts[after - window_days : after].sum(axis=0)
        if not truth.sum() or not counts[after : after + USUAL_DAYS].any():
            continue
        predicted += truth.sum()
        usual = counts[after : after + USUAL_DAYS].sum(axis=0)
        for days in CHOICES:
            said = counts[after : after + days].sum(axis=0) + 1e-6 * usual
            found[days] += _gain(said, truth)
    best = max(CHOICES, key=lambda days: (found[days], days))
    clear = found[best] > CLEARLY * found[USUAL_DAYS]
    return best if clear and predicted >= FEWEST_EVENTS else USUAL_DAYS


def days_needed(window_days: int) -> int:
    """How many days of events before the cutoff `popular_days` looks at."""
    return _tests(window_days) * window_days + USUAL_DAYS


def _tests(window_days: int) -> int:
    return max(TESTS, -(-TEST_DAYS // window_days))


def _daily_counts(events: Events, cutoff: int, days: int) -> Float64:
    """`[days, items]`: weighted events of each day before the cutoff, the last one first, of the
    items that have any.
    """
    recent = events.between(cutoff - days * DAY_SECONDS, cutoff)
    items, column = np.unique(recent.item, return_inverse=True)
    day = (cutoff - 1 - recent.ts) // DAY_SECONDS
    flat = np.bincount(
        day * len(items) + column, weights=recent.weight, minlength=days * len(items)
    )
    return np.asarray(flat, np.float64).reshape(days, len(items))


def _gain(said: AnyFloat, truth: AnyFloat) -> float:
    """Share of the truth on the first PLACES of a list, each place discounted as in DCG."""
    first = np.argsort(-said, kind="stable")[:PLACES]
    return float((truth[first] / np.log2(np.arange(len(first)) + 2)).sum() / truth.sum())
