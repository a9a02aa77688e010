"""The repeat policy, negative events and rules of eligibility in one question: what single users
may not be shown beside the ranked lists.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_tasks.arrays import Bool, Int32
from recsys_tasks.clock import Cutoffs
from recsys_tasks.ids import Keys
from recsys_tasks.serving.repeats import forbidden_pairs
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.withheld import withheld_at


def forbidden_to(
    snapshot: Snapshot, cutoffs: Cutoffs, eligible: Bool
) -> Callable[[Keys, Int32], Bool]:
    """The question (users `[n] int32`, items `[n, c] int32`, -1 pads) -> `[n, c] bool`: which may
    not be shown to their user. `eligible [n_items]` by item key; others are not asked about.
    """
    withheld = withheld_at(snapshot, cutoffs.history_before)
    pairs = forbidden_pairs(snapshot, cutoffs, eligible)
    n_items = np.int64(max(len(eligible), 1))
    none = np.zeros(0, np.int64)
    codes = none if pairs is None else np.unique(pairs.users * n_items + pairs.items)

    def forbidden(users: Keys, items: Int32) -> Bool:
        asked = users.astype(np.int64)[:, None] * n_items + items
        at = np.minimum(np.searchsorted(codes, asked), max(len(codes) - 1, 0))
        found = codes[at] == asked if len(codes) else np.zeros(items.shape, bool)
        return found if withheld is None else found | withheld.of(users, items)

    return forbidden
