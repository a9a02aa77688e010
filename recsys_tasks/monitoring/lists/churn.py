"""How much lists changed between two nights."""

from __future__ import annotations

import numpy as np

from recsys_tasks import metrics
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Floats, Lists


def churn(users_before: Keys, before: Lists, users_now: Keys, now: Lists, k: int) -> Floats:
    """Share of the first k places whose item was not among the first k of the night before, for
    each user of both nights, `[common] float64`.

    0 for a user whose lists are both empty; the order within the first k does not count.
    """
    _, old_rows, new_rows = np.intersect1d(
        users_before, users_now, assume_unique=True, return_indices=True
    )
    old, new = before[old_rows, :k], now[new_rows, :k]
    offsets, items = metrics.as_sets(old)
    stayed = metrics.hit_matrix(new, offsets, items).sum(axis=1)
    places = np.maximum((new >= 0).sum(axis=1), (old >= 0).sum(axis=1))
    changed: Floats = np.where(places > 0, 1 - stayed / np.maximum(places, 1), 0.0)
    return changed
