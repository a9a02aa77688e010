"""Examples of the two-tower, as row numbers of events: data are copied only for a batch.

An example is one event (the target) of a user who has strictly earlier events (the history). It is
identified by its row. Rows of one user with the same timestamp are one basket: its items are never
in each other's history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_tasks.arrays import AnyInt, Bool, Int64
from recsys_tasks.hashes import is_drawn
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.snapshot.events import Events

GAPS = 3
"""Mean gaps between an item's events: a time without events before its first one that is longer
than so many of them means that the item did not exist then.
"""


@dataclass(frozen=True)
class FlatHistories:
    """Histories of n queries, concatenated, oldest event first, without padding."""

    item: Keys  # [r] item keys
    row: Keys  # [r] which query, ascending
    age: Keys  # [r] number of later timestamps in the same history: 0 for the newest


@dataclass(frozen=True)
class HistoryRanges:
    """Histories as ranges: rows [start, end) of the events, newest last, never empty."""

    start: Int64
    end: Int64

    def take(self, rows: AnyInt | slice) -> HistoryRanges:
        """Some of the ranges.

        `rows [k]`: places in [0, n).
        """
        return HistoryRanges(self.start[rows], self.end[rows])

    def gather(self, items: Keys, timestamps: Keys, length: int) -> FlatHistories:
        """The newest `length` items of each history; `timestamps`: see `timestamp_numbers`.

        `items [e] int32` and `timestamps [e] int32` of all e events.
        """
        sizes = np.minimum(self.end - self.start, length)
        row = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        place = (self.end - np.cumsum(sizes))[row] + np.arange(len(row))
        return FlatHistories(items[place], row, timestamps[self.end - 1][row] - timestamps[place])


def timestamp_numbers(events: Events) -> Keys:
    """`[e] int32`: a number, from 1, for each pair of user and timestamp, so that all events of a
    basket have the same number.
    """
    new = np.ones(len(events), np.int32)
    new[1:] = (events.user[1:] != events.user[:-1]) | (events.ts[1:] != events.ts[:-1])
    return np.cumsum(new, dtype=np.int32)


def make_examples(events: Events) -> Int64:
    """Rows of every event with a non-empty strictly earlier history, ascending.

    `[k] int64`.
    """
    new = np.ones(len(events), np.bool_)
    new[1:] = events.user[1:] != events.user[:-1]
    first = np.maximum.accumulate(np.where(new, np.arange(len(events)), 0))
    return np.flatnonzero(events.ts > events.ts[first])


def histories_before(events: Events, examples: Int64) -> HistoryRanges:
    """The history of each example: its user's events with a strictly smaller timestamp.

    `examples [k] int64`; returns k ranges.
    """
    start = np.searchsorted(events.user, events.user[examples])
    end = examples.copy()
    _to_start_of_basket(events.ts, end)
    return HistoryRanges(start, end)


@kernel
def _to_start_of_basket(ts: Int64, rows: Int64) -> None:
    """Move each of `rows` back to the first row of its timestamp. Before that stands a row of the
    same user with an earlier timestamp.
    """
    for at in range(len(rows)):
        second = ts[rows[at]]
        while ts[rows[at] - 1] == second:
            rows[at] -= 1


def last_histories(events: Events, users: Keys, n_users: int) -> HistoryRanges:
    """Whole histories of users that have events.

    `users [k] int32`; returns k ranges.
    """
    offsets = events.offsets(n_users)
    return HistoryRanges(offsets[users], offsets[users + 1])


def newest(examples: Int64, events: Events, per_user: int, total: int) -> Int64:
    """At most `per_user` newest examples of each user and `total` newest of all; ties by row.

    `examples [k] int64`, ascending; returns some of them, in that order.
    """
    examples = examples[_later_of_same(events.user[examples]) < per_user]
    if len(examples) <= total:
        return examples
    age = -events.ts[examples]
    oldest = np.partition(age, total - 1)[total - 1]
    tied = np.flatnonzero(age == oldest)
    kept = age < oldest
    kept[tied[: total - np.count_nonzero(kept)]] = True
    return examples[kept]


@kernel
def _later_of_same(groups: Keys) -> Keys:
    """For each row, the number of later rows of its group; groups are contiguous."""
    later = np.zeros(len(groups), np.int32)
    for row in range(len(groups) - 2, -1, -1):
        if groups[row] == groups[row + 1]:
            later[row] = later[row + 1] + 1
    return later


class Draws:
    """The examples of each epoch: at most `per_user` of each user's, drawn anew in each epoch.

    `probability [n] float64`: of each to be in an epoch. `size`: examples of every epoch.
    """

    def __init__(self, user: Keys, per_user: int) -> None:
        count = np.bincount(user)
        self.probability = np.minimum(1.0, per_user / count[user])
        self.size = int(np.minimum(count, per_user).sum())
        self._per_user = per_user
        self._all, self._some = (
            np.flatnonzero(self.probability == 1.0),
            np.flatnonzero(self.probability < 1.0),
        )
        self._user = user[self._some]

    def draw(self, rng: np.random.Generator) -> Int64:
        """Numbers of the examples of one epoch, `[size]`, in random order."""
        order = np.lexsort((rng.random(len(self._user)), self._user))
        user = self._user[order]
        place = np.arange(len(user)) - np.searchsorted(user, user)
        return rng.permutation(
            np.concatenate([self._all, self._some[order[place < self._per_user]]])
        )


def replace_stale(drawn: Int64, examples: Int64, events: Events, per_item: int) -> Int64:
    """Replace each drawn example that is not among its item's newest `per_item` by one that is.

    `examples` are ascending. Every item keeps its number of examples in the draw, but these are its
    newest ones. `drawn [d] int64`, `examples [k] int64`; returns `[d] int64`.
    """
    item = events.item[examples]
    # Of most items there are no more, and their examples stay: only the others' need an order.
    many = np.flatnonzero(np.bincount(item)[item] > per_item) if len(item) else examples
    order = many[np.lexsort((events.ts[examples[many]], item[many]))]
    later = _later_of_same(item[order])
    instead = np.arange(len(item))
    instead[order] = order[np.arange(len(order)) + later - later % per_item]
    return examples[instead[np.searchsorted(examples, drawn)]]


def sample_recent(
    examples: Int64,
    events: Events,
    count: int,
    at: int,
    half_life_seconds: float,
    rng: np.random.Generator,
) -> Int64:
    """`count` examples without replacement, weighted by recency at second `at` (all, if fewer).

    Gumbel keys: the largest of log weight + Gumbel noise are a weighted draw without replacement.
    `examples [k] int64`; returns `[count] int64` of them, ascending.
    """
    if count >= len(examples):
        return examples
    log_weight = (events.ts[examples] - at) / half_life_seconds * np.log(2.0)
    keys = log_weight + rng.gumbel(size=len(examples))
    return examples[np.sort(np.argpartition(-keys, count)[:count])]


def held_out_users(user: Keys, share: float, salt: int) -> Bool:
    """A fixed pseudo-random `share` of users, another one for each salt.

    `user [n] int32`; returns `[n] bool`.
    """
    return is_drawn(user, share, salt)


def surely_absent_before(events: Events, known: Int64) -> Int64:
    """`[m]` seconds before which an item very probably could not be chosen; `known [m]`: seconds
    from which on it certainly could.

    Where no launch is declared, only the first event is known, and the item existed before it. If
    the item's n events are spread evenly over all events since its launch, the gap before the first
    is longer than three mean gaps with probability e⁻³ = 5 %. Gaps are counted in events of all
    items, not in time, because a shop's volume changes.
    """
    ts = np.sort(events.ts)
    count = np.bincount(events.item, minlength=len(known))
    first = np.full(len(known), np.iinfo(np.int64).max)
    np.minimum.at(first, events.item, events.ts)
    place = np.searchsorted(ts, first)
    earlier = place - GAPS * (len(ts) - place) // np.maximum(count, 1)
    since = ts[np.clip(earlier, 0, len(ts) - 1)] if len(ts) else first
    return np.where(count > 0, np.where(earlier < 0, 0, np.minimum(known, since)), known)


class TrueNegatives:
    """Which candidates of a batch are true negatives of a user: items that the user never had, and
    that could be chosen then.

    An item that did not exist yet was not rejected. As a negative it would teach the model that new
    items are rarely chosen.
    """

    def __init__(self, events: Events, n_users: int, n_items: int, available: Int64) -> None:
        self._offsets, self._had = events.offsets(n_users), events.item
        self._column = np.full(n_items, -1, np.int32)
        self._available = available

    def allowed(self, users: Keys, candidates: Keys, seconds: Int64) -> Bool:
        """`[n, n]`: may candidate j be a negative of user i at second i? The diagonal, its
        positive, is always true.
        """
        distinct, inverse = np.unique(candidates, return_inverse=True)
        people, person = np.unique(users, return_inverse=True)
        mask = np.ones((len(people), len(distinct)), np.bool_)
        self._column[distinct] = np.arange(len(distinct))
        _exclude_own_items(self._offsets, self._had, people, self._column, mask)
        self._column[distinct] = -1
        there = self._available[candidates] <= seconds[:, None]
        allowed: Bool = mask.take(inverse, axis=1).take(person, axis=0) & there
        np.fill_diagonal(allowed, True)
        return allowed


@kernel
def _exclude_own_items(offsets: Int64, had: Keys, people: Keys, column: Keys, mask: Bool) -> None:
    """Make `mask [people, columns]` false where the person `had` the item of the column. `column`:
    column of each item, -1 for none.
    """
    for person in range(len(people)):
        for row in range(offsets[people[person]], offsets[people[person] + 1]):
            if column[had[row]] >= 0:
                mask[person, column[had[row]]] = False
