"""What is popular in a segment, what grows, and what is new: lists that need no history."""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int32, Int64
from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.candidates.tempo import USUAL_DAYS
from recsys_tasks.retrieval.select import top_dense
from recsys_tasks.snapshot.events import Events

FRESH_DAYS = 28
MAX_FRESH = 2000
SEGMENT_PRIOR = 200.0
BEFORE_THAT = 1e-3
"""What an event of the usual days counts, beside one of the chosen days: it orders the rest."""
TREND_PRIOR = 2.0


def popular(
    events: Events, segment: Int32, cutoff: int, days: int, allowed: Bool, k: int
) -> tuple[Keys, Float32]:
    """Per segment, its items by weighted events of the last `days`, `[s, k]` items and scores.

    A segment's share of an item is drawn towards the whole shop's as if by 200 more events, so a
    small segment shows nearly the overall list. Row 0 is the overall list. Where `days` are fewer
    than the usual 28, events of those follow. A shop without events in those days is judged by all
    of them.
    """
    recent = events.between(cutoff - max(days, USUAL_DAYS) * DAY_SECONDS, cutoff)
    recent = recent if len(recent) else events.before(cutoff)
    n_items = len(allowed)
    late = recent.ts >= cutoff - days * DAY_SECONDS
    weight = recent.weight * np.where(late | ~late.any(), 1.0, BEFORE_THAT)
    overall = np.bincount(recent.item, weights=weight, minlength=n_items) * allowed
    share = overall / max(overall.sum(), 1e-9)
    of_event = segment[recent.user]
    order = np.argsort(of_event, kind="stable")
    bounds = np.searchsorted(of_event[order], np.arange(segment.max(initial=0) + 2))
    items, scores = top_dense(
        np.arange(n_items, dtype=np.int32)[None], share[None].astype(np.float32), k
    )
    tables = [(items, scores)]
    for number in range(1, len(bounds) - 1):
        rows = order[bounds[number] : bounds[number + 1]]
        counts = np.bincount(recent.item[rows], weights=weight[rows], minlength=n_items) * allowed
        mixed = (counts + SEGMENT_PRIOR * share) / (counts.sum() + SEGMENT_PRIOR)
        tables.append(
            top_dense(np.arange(n_items, dtype=np.int32)[None], mixed[None].astype(np.float32), k)
        )
    return np.concatenate([t[0] for t in tables]), np.concatenate([t[1] for t in tables])


def trending(events: Events, cutoff: int, allowed: Bool, k: int) -> tuple[Keys, Float32]:
    """Items whose last week exceeds a quarter of the four weeks before it, `[1, k]`.

    The score is the excess in standard deviations of a Poisson count, with two prior events, so
    that three events after none do not beat three hundred after a hundred.
    """
    week, month = 7 * DAY_SECONDS, 28 * DAY_SECONDS
    n_items = len(allowed)
    now = events.between(cutoff - week, cutoff)
    then = events.between(cutoff - week - month, cutoff - week)
    last = np.bincount(now.item, weights=now.weight, minlength=n_items)
    usual = np.bincount(then.item, weights=then.weight, minlength=n_items) / 4.0
    growth = (last - usual) / np.sqrt(usual + TREND_PRIOR) * allowed
    return top_dense(np.arange(n_items, dtype=np.int32)[None], growth[None].astype(np.float32), k)


def fresh(available_from: Int64, cutoff: int, allowed: Bool) -> tuple[Keys, Float32]:
    """Allowed items of the last 28 days before the cutoff, newest first: `[f] int32`, newness in
    (0, 1].
    """
    age = (cutoff - available_from) / DAY_SECONDS
    new = allowed & (age > 0) & (age <= FRESH_DAYS)
    newness = np.where(new, 1.0 - age / (FRESH_DAYS + 1), 0.0).astype(np.float32)
    items, scores = top_dense(
        np.arange(len(age), dtype=np.int32)[None], newness[None], min(MAX_FRESH, len(age))
    )
    there = items[0] >= 0
    return items[0][there], scores[0][there]
