"""How each user's list differs from the one before, and what could have changed it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.metrics import Bools, Ints, Lists

Dated = tuple[Keys, Lists]
"""Users `[n] int32` and their lists `[n, k] int32`."""
_COUNTS = ("places", "new_items", "gone_items", "moved_items", "off_offer")


def list_changes(before: Dated, now: Dated, on_offer: Bools, events: Ints) -> pa.Table:
    """One row per user of both: items that are new, gone, moved to another place, gone and not on
    offer by now, and the user's own events.

    `on_offer [n_items]` is of the later night, `events [n_users]` counts what each user did between
    the two.
    """
    users, old_rows, new_rows = np.intersect1d(
        before[0], now[0], assume_unique=True, return_indices=True
    )
    counts = np.zeros((len(_COUNTS), len(users)), np.int16)
    _compare((before[1], old_rows), (now[1], new_rows), on_offer, counts)
    return pa.table(
        {"user_key": users}
        | dict(zip(_COUNTS, counts, strict=True))
        | {"own_events": events[users].astype(np.int32)}
    )


@kernel
def _compare(
    before: tuple[Lists, Ints],
    now: tuple[Lists, Ints],
    on_offer: Bools,
    counts: npt.NDArray[np.int16],
) -> None:
    """Fill `counts [5, n]` for the pairs of rows of two arrays of lists, -1 where there is no
    place.
    """
    place = np.zeros(len(on_offer), np.int32)  # of an item in the list before, from 1; < 0: stayed
    for user in range(counts.shape[1]):
        old, new = before[0][before[1][user]], now[0][now[1][user]]
        for at in range(len(old)):
            if old[at] >= 0:
                place[old[at]] = at + 1
        for at in range(len(new)):
            item = new[at]
            if item >= 0:
                counts[0, user] += 1
                counts[1, user] += place[item] == 0
                counts[3, user] += place[item] not in (0, at + 1)
                place[item] = -place[item]
        for at in range(len(old)):
            item = old[at]
            if item >= 0:
                gone = place[item] > 0
                counts[2, user] += gone
                counts[4, user] += gone and not on_offer[item]
                place[item] = 0
