"""The repeat policy, negative events and rules of eligibility in one question: what single users
may not be shown beside the ranked lists.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_tasks.arrays import Bool, Int32, PairIndex
from recsys_tasks.clock import Cutoffs
from recsys_tasks.ids import Keys
from recsys_tasks.serving.repeats import Forbidden
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.bans_and_rules import bans_and_rules_at

ForbiddenTo = Callable[[Keys, Int32], Bool]
"""The question (users `[n] int32`, items `[n, c] int32`, -1 pads) -> `[n, c] bool`: which may not
be shown to their user. Only items that may be in lists are asked about.
"""


def forbidden_to(snapshot: Snapshot, cutoffs: Cutoffs, pairs: Forbidden | None) -> ForbiddenTo:
    """The question, with the `pairs` that `forbidden_pairs` found at the same cutoffs."""
    others = bans_and_rules_at(snapshot, cutoffs.history_before)
    n_items = np.int64(max(snapshot.n_items, 1))
    none = np.zeros(0, np.int64)
    known = PairIndex(none if pairs is None else pairs.users * n_items + pairs.items)

    def forbidden(users: Keys, items: Int32) -> Bool:
        found = known.contains(users.astype(np.int64)[:, None] * n_items + items)
        return found if others is None else found | others.of(users, items)

    return forbidden
