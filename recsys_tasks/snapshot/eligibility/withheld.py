"""What is kept from single users, whoever else may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from recsys_tasks.arrays import Bool, Int32, Int64
from recsys_tasks.ids import Keys
from recsys_tasks.snapshot.bans import Bans, bans_at
from recsys_tasks.snapshot.dataset import Snapshot


@dataclass(frozen=True)
class Withheld:
    """Items that are in no list of a user, on any path, though others may see them."""

    bans: Bans

    def of(self, users: Keys, items: Int32) -> Bool:
        """`[n, c]`: which of the items `[n, c]` (-1 pads) are kept from the users `[n]`."""
        return self.bans.of(users, items)

    def concerns(self, users: Keys) -> Bool:
        """`[n]`: whether anything is kept from each of the users `[n]`."""
        starts, ends = self.bans.bounds(users)
        return np.asarray(ends > starts)

    def banned(self, users: Keys) -> tuple[Int64, Keys]:
        """(number of banned items of each of the users `[n]`, those items, one user after the
        other).
        """
        starts, ends = self.bans.bounds(users)
        sizes = ends - starts
        first = np.repeat(starts - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        codes = self.bans.codes[np.arange(int(sizes.sum())) + first]
        return sizes, (codes % max(self.bans.n_items, 1)).astype(np.int32)


def withheld_at(snapshot: Snapshot, before: date) -> Withheld | None:
    """What is kept from single users at the start of a day; None where the shop has nothing of the
    kind.
    """
    bans = bans_at(snapshot, before)
    return None if bans is None else Withheld(bans)
