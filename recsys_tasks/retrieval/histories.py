"""What each user did before a cutoff, as one ragged table: the input of generators and
similarities.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys_tasks.arrays import Float32, Int32, Int64
from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import forget_pages
from recsys_tasks.snapshot.events import Events

STEP_DECAY = 0.8
_FIELDS = ("offsets", "items", "last", "weights", "steps")


@dataclass(frozen=True)
class Histories:
    """Distinct items of each user, newest first (equal times by item key).

    Row u is [offsets[u], offsets[u + 1]). `items [p] int32`; `last [p] int64`: second of the pair's
    last event; `weights [p] float32`: its events, decayed by age and weighted by kind; `steps [p]
    int32`: how many later timestamps of the user came after it, 0 for the
    newest.
    """

    offsets: Int64
    items: Keys
    last: Int64
    weights: Float32
    steps: Int32

    def save(self, folder: Path) -> None:
        """Write one `history_<field>.npy` a field."""
        for name in _FIELDS:
            np.save(folder / f"history_{name}.npy", getattr(self, name))

    @classmethod
    def open(cls, folder: Path) -> Histories:
        """Memory-map what `save` wrote."""
        return cls(*(np.load(folder / f"history_{name}.npy", mmap_mode="r") for name in _FIELDS))

    def take(self, users: Keys) -> Histories:
        """The rows of some users, in their order; users beyond the table have none.

        `users [n] int32`; row r of the result is that of `users[r]`.
        """
        inside = users < len(self.offsets) - 1
        safe = np.where(inside, users, 0)
        sizes = np.where(inside, self.offsets[safe + 1] - self.offsets[safe], 0)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(self.offsets[safe] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Histories(
            offsets, *(np.asarray(getattr(self, name)[places]) for name in _FIELDS[1:])
        )

    def release(self) -> None:
        """Give back the memory of what was read of memory-mapped histories."""
        forget_pages(*(getattr(self, name) for name in _FIELDS))

    @property
    def rows(self) -> Int64:
        """Row of every entry, `[p] int64`."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def newest(self, length: int) -> Keys:
        """Each row's newest items, `[n, length] int32`, padded with -1."""
        padded: Keys = np.full((len(self.offsets) - 1, length), -1, np.int32)
        rows = self.rows
        place = np.arange(len(self.items)) - self.offsets[rows]
        early = place < length
        padded[rows[early], place[early]] = self.items[early]
        return padded


def histories_of(events: Events, n_users: int, cutoff: int, half_life_days: float) -> Histories:
    """Histories of events strictly before `cutoff` (UTC seconds)."""
    events = events.before(cutoff)
    steps = _steps_from_the_end(events, n_users)
    order = np.lexsort((-events.ts, events.item, events.user))
    user, item = events.user[order], events.item[order]
    first = np.flatnonzero(
        np.concatenate([[True], (user[1:] != user[:-1]) | (item[1:] != item[:-1])])[: len(user)]
    )
    age = (cutoff - events.ts[order]) / DAY_SECONDS
    decayed = events.weight[order] * np.exp2(-age / half_life_days)
    weights = np.add.reduceat(decayed, first) if len(first) else np.empty(0)
    user, item, last, step = user[first], item[first], events.ts[order][first], steps[order][first]
    newest = np.lexsort((item, -last, user))
    return Histories(
        offsets=np.searchsorted(user, np.arange(n_users + 1)).astype(np.int64),
        items=item[newest],
        last=last[newest],
        weights=weights[newest].astype(np.float32),
        steps=step[newest],
    )


def step_numbers(events: Events) -> Int64:
    """Number of each event's (user, timestamp), `[e] int64`, from 0."""
    if not len(events):
        return np.empty(0, np.int64)
    new = (events.user[1:] != events.user[:-1]) | (events.ts[1:] != events.ts[:-1])
    return np.concatenate([[0], np.cumsum(new)])


def _steps_from_the_end(events: Events, n_users: int) -> Int32:
    numbers = step_numbers(events)
    if not len(events):
        return np.empty(0, np.int32)
    ends = np.maximum(events.offsets(n_users)[1:] - 1, 0)
    return (numbers[ends][events.user] - numbers).astype(np.int32)
