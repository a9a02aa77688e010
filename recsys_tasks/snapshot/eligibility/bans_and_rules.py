"""What is kept from single users, whoever else may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from recsys_tasks.arrays import Bool, Int32, Int64
from recsys_tasks.ids import Keys
from recsys_tasks.snapshot.as_known import known_at
from recsys_tasks.snapshot.bans import Bans, bans_at
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.user_rules import UserRules, user_rules


@dataclass(frozen=True)
class BansAndRules:
    """Items that are in no list of a user, on any path, though others may see them."""

    bans: Bans | None
    rules: UserRules | None = None

    def of(self, users: Keys, items: Int32) -> Bool:
        """`[n, c]`: which of the items `[n, c]` (-1 pads) are kept from the users `[n]`."""
        if self.bans is None:
            return (
                np.zeros(items.shape, bool) if self.rules is None else self.rules.of(users, items)
            )
        banned = self.bans.of(users, items)
        return banned if self.rules is None else banned | self.rules.of(users, items)

    def concerns(self, users: Keys) -> Bool:
        """`[n]`: whether anything may be kept from each of the users `[n]`."""
        if self.rules is not None or self.bans is None:
            return np.full(len(users), self.rules is not None)
        starts, ends = self.bans.bounds(users)
        return np.asarray(ends > starts)

    def banned(self, users: Keys) -> tuple[Int64, Keys]:
        """(number of banned items of each of the users `[n]`, those items, one user after the
        other).
        """
        if self.bans is None:
            return np.zeros(len(users), np.int64), np.empty(0, np.int32)
        starts, ends = self.bans.bounds(users)
        sizes = ends - starts
        first = np.repeat(starts - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        codes = self.bans.codes[np.arange(int(sizes.sum())) + first]
        return sizes, (codes % max(self.bans.n_items, 1)).astype(np.int32)


def bans_and_rules_at(snapshot: Snapshot, before: date) -> BansAndRules | None:
    """What is kept from single users at the start of a day; None where the shop has nothing of the
    kind.
    """
    bans, rules = bans_at(snapshot, before), user_rules(known_at(snapshot, before))
    return None if bans is None and rules is None else BansAndRules(bans, rules)
