"""How each user's list differs from the one before, and what could have changed it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recsys_tasks import metrics
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Bools, Ints, Lists

Dated = tuple[Keys, Lists]
"""Users `[n] int32` and their lists `[n, k] int32`."""


def list_changes(before: Dated, now: Dated, on_offer: Bools, events: Ints) -> pa.Table:
    """One row per user of both: items that are new, gone, moved to another place, gone and not on
    offer by now, and the user's own events.

    `on_offer [n_items]` is of the later night, `events [n_users]` counts what each user did between
    the two.
    """
    users, old_rows, new_rows = np.intersect1d(
        before[0], now[0], assume_unique=True, return_indices=True
    )
    old, new = before[1][old_rows], now[1][new_rows]
    stayed = metrics.hit_matrix(new, *metrics.as_sets(old))
    gone = (old >= 0) & ~metrics.hit_matrix(old, *metrics.as_sets(new))
    in_place = (new == old) & (new >= 0)
    counts = {
        "places": (new >= 0),
        "new_items": (new >= 0) & ~stayed,
        "gone_items": gone,
        "moved_items": stayed & ~in_place,
        "off_offer": gone & ~on_offer[old],
    }
    return pa.table(
        {"user_key": users}
        | {name: found.sum(axis=1).astype(np.int16) for name, found in counts.items()}
        | {"own_events": events[users].astype(np.int32)}
    )
