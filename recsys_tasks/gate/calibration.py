"""What a score means, and how far scores are from it.

A score is the chance of the objectives within the label window, mixed by their weights. The gate
asks so of a release before readers see its lists, the monitor stage of lists that readers saw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys_tasks import metrics
from recsys_tasks.config import Objective
from recsys_tasks.gate.evaluate import Truth, truth_between
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Floats, Lists
from recsys_tasks.ranking.examples.watch_time import WatchTimes
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events

CHANCE_DEVIATIONS = 2.0
"""So far a bin's share may lie from what was said of it before that counts."""


@dataclass(frozen=True)
class Fulfilled:
    """What `users [n] int32` did in a window, by objective: the items, and of a watch objective
    what each pair is worth.
    """

    objectives: tuple[Objective, ...]
    users: Keys
    n_items: int
    by_objective: tuple[Truth, ...]
    watched: tuple[WatchTimes | None, ...]

    @classmethod
    def between(
        cls, snapshot: Snapshot, happened: Events, start: int, end: int, users: Keys
    ) -> Self:
        """Of the events `happened` of [start, end), seconds; `users [n] int32` are distinct."""
        objectives = snapshot.config.objectives
        return cls(
            objectives,
            users,
            snapshot.n_items,
            tuple(
                truth_between(happened, snapshot.config.objective_codes(o), start, end, users)
                for o in objectives
            ),
            tuple(WatchTimes.of(snapshot, o, happened) for o in objectives),
        )

    def came_true(self, lists: Lists) -> Floats:
        """`[n, k]` of `lists [n, k] int32`: the weighted share of objectives that came true of each
        place, which is what a score means.

        Of a watch objective, so much came true as the item is worth.
        """
        weights = np.array([o.weight for o in self.objectives])
        came_true: Floats = np.zeros(lists.shape)
        codes = self.users.astype(np.int64)[:, None] * self.n_items + lists
        for weight, truth, watched in zip(
            weights / weights.sum(), self.by_objective, self.watched, strict=True
        ):
            hits = metrics.hit_matrix(lists, truth.offsets, truth.items)
            came_true += weight * (hits if watched is None else hits * watched.worth_of(codes))
        return came_true


def calibration_ratio(reliability: Sequence[tuple[float, float, int]]) -> float | None:
    """How far bins of scores are off, over the lower of the rates said and come true; None without
    anything said.

    Of each bin (mean said, share that came true, rows) only what two standard deviations of chance
    do not explain.
    """
    said, came, rows = np.array(reliability, float).reshape(-1, 3).T
    said_of, came_of = float((said * rows).sum()), float((came * rows).sum())
    if said_of <= 0:
        return None
    chance = CHANCE_DEVIATIONS * np.sqrt(said * (1 - said) * rows)
    beyond = float(np.maximum(np.abs(said - came) * rows - chance, 0.0).sum())
    if beyond == 0:
        return 0.0
    return beyond / min(said_of, came_of) if came_of > 0 else math.inf
