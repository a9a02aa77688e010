"""How much of an item was watched, said so that items of every length compare.

Seconds favour long items, shares of the length favour short ones: both are watched as they are
because of their length. A pair's label is therefore its rank: the part of the pairs with items
about as long that was watched less of (Zhan et al., KDD 2022, "Deconfounding Duration Bias in
Watch-time Prediction for Video Recommendation"). Bands of length hold equally many pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Float64, Int64, PairIndex
from recsys_tasks.config import Objective, Watch
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events

UNKNOWN = 0.5
"""Worth of a pair with no known share: it was watched, how much of it nobody knows."""


@dataclass(frozen=True)
class WatchTimes:
    """Distinct pairs watched in a window, as sorted codes user * n_items + item, and what each is
    worth, in (0, 1).
    """

    codes: Int64
    worth: Float32

    @classmethod
    def of(cls, snapshot: Snapshot, objective: Objective, window: Events) -> Self | None:
        """What a window's events say of a watch objective; None for one that is none."""
        if objective.watch is None:
            return None
        events = window.of_kinds(snapshot.config.objective_codes(objective))
        codes, pair = np.unique(pair_codes(snapshot, events), return_inverse=True)
        lengths = snapshot.items[objective.watch.length].to_numpy(np.float64)[
            codes % max(snapshot.n_items, 1)
        ]
        watched = _watched_of_pairs(pair, events.quantity, len(codes))
        worth = share_ranks(watched, lengths, objective.watch)
        return cls(codes, worth.astype(np.float32))

    def worth_of(self, codes: Int64) -> Float32:
        """`[...] float32`: what the pairs `codes [...]` are worth, 0 where they were not
        watched.
        """
        return PairIndex(self.codes).look_up(codes, self.worth, 0)


def fulfilling(snapshot: Snapshot, window: Events) -> Events:
    """A window's events that fulfil some objective, a watch objective where enough was watched:
    what measures count.

    The window is the whole one that is measured, as an item's worth is its rank among all that was
    watched in it.
    """
    found: Bool = np.zeros(len(window), bool)
    for objective in snapshot.config.objectives:
        found |= fulfils(snapshot, objective, window)
    return window.where(found)


def fulfils(snapshot: Snapshot, objective: Objective, window: Events) -> Bool:
    """`[rows]`: which of a window's events fulfil one objective, as `fulfilling` counts them."""
    chosen: Bool = np.isin(window.event, snapshot.config.objective_codes(objective))
    if (
        watched := WatchTimes.of(snapshot, objective, window)
    ) is not None and objective.watch is not None:
        chosen &= watched.worth_of(pair_codes(snapshot, window)) >= objective.watch.counts_from
    return chosen


def pair_codes(snapshot: Snapshot, events: Events) -> Int64:
    """`[rows]`: user * n_items + item of each event."""
    return events.user.astype(np.int64) * snapshot.n_items + events.item


def share_ranks(watched: Float64, lengths: Float64, watch: Watch) -> Float64:
    """`[pairs]` in (0, 1): each pair's rank among those of its band of lengths, by share of the
    length watched.

    `watched` and `lengths` are in one unit; NaN or a length of 0 is unknown. Equal shares have
    equal ranks, and items of equal length are in one band.
    """
    ranks: Float64 = np.full(len(watched), UNKNOWN)
    known = np.flatnonzero(np.isfinite(watched) & np.isfinite(lengths) & (lengths > 0))
    band = (_middles(lengths[known]) * watch.bands).astype(np.int64)
    share = watched[known] / lengths[known]
    for number in np.unique(band):
        inside = band == number
        ranks[known[inside]] = _middles(share[inside])
    return ranks


def _middles(values: Float64) -> Float64:
    """The part of the values that is smaller, and half of those that are equal."""
    _, rank, size = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(size) - size / 2.0) / max(len(values), 1))[rank])


def _watched_of_pairs(pair: Int64, quantity: Float32, pairs: int) -> Float64:
    """`[pairs]`: all views of a pair summed; NaN where none says how much."""
    known = ~np.isnan(quantity)
    seconds = np.bincount(pair[known], weights=quantity[known].astype(np.float64), minlength=pairs)
    return np.where(np.bincount(pair[known], minlength=pairs) > 0, seconds, np.nan)
