"""Labels of candidates: which of them the user acted on in the label window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int32, Int64
from recsys_tasks.clock import start_of
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.examples.watch_time import WatchTimes
from recsys_tasks.snapshot.dataset import Snapshot


@dataclass(frozen=True)
class WindowLabels:
    """What users did in a label window: distinct (user, item) pairs of each objective, as sorted
    codes user * n_items + item.
    """

    n_items: int
    codes: list[Int64]
    user: Int64
    """User of each distinct pair, whatever the objective."""
    watch_times: list[WatchTimes | None]
    """How much of each pair was watched, for each objective; None where it does not use watch
    time.
    """

    def labels(self, users: Keys, items: Int32) -> Bool:
        """`[n, c, objectives] bool`: which of the users' candidates `items [n, c]` are a pair of an
        objective.
        """
        wanted = users.astype(np.int64)[:, None] * self.n_items + items
        hits = [np.isin(wanted, codes) & (items >= 0) for codes in self.codes]
        return np.stack(hits, axis=2)

    def worth(self, labels: Bool, codes: Int64) -> Float32 | None:
        """`[n, c, objectives] float32` of pairs `codes [n, c]`: the labels, or how much was
        watched; None where no objective uses watch time.
        """
        if all(found is None for found in self.watch_times):
            return None
        asked = [
            labels[:, :, o] if found is None else found.worth_of(codes)
            for o, found in enumerate(self.watch_times)
        ]
        return np.stack(asked, axis=2).astype(np.float32) * labels


def window_labels(snapshot: Snapshot, since: date, before: date) -> WindowLabels:
    """What users did in the half-open days [since, before)."""
    events = snapshot.events(since, before).between(start_of(since), start_of(before))
    codes = []
    for objective in snapshot.config.objectives:
        chosen = events.of_kinds(snapshot.config.objective_codes(objective))
        codes.append(np.unique(chosen.user.astype(np.int64) * snapshot.n_items + chosen.item))
    objectives = snapshot.config.objectives
    watch_times = [WatchTimes.of(snapshot, objective, events) for objective in objectives]
    users = np.unique(np.concatenate(codes)) // snapshot.n_items
    return WindowLabels(snapshot.n_items, codes, users, watch_times)
