"""`eligibility.rules` on the fallback lists: which of their items are kept from whom, and how long
the list for everyone has to be so that everyone has enough of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from recsys_tasks.arrays import Bool
from recsys_tasks.features.segments import every_segment
from recsys_tasks.ids import Keys
from recsys_tasks.serving.repeats import Forbidden
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.user_rules import NOBODY, UserRules

NO_ITEM: Final = -1
"""Stands in each user's pairs, so that one from whom nothing is kept has a row of pairs: who has
none was not known that night, and is shown what NOBODY may see.
"""


def places_for_all(
    rules: UserRules, ranking: Keys, places: int, forbidden: Forbidden | None, n_users: int
) -> Bool:
    """`[n]`: which items of a ranking `[n] int32`, best first, the list for everyone must have, so
    that each user has `places` of them: of each class of users so many of the first that they may
    see, and as many more as are forbidden to one of them.
    """
    users = np.append(np.arange(n_users, dtype=np.int32), np.int32(NOBODY))
    which, may = rules.classes(users)
    more = np.zeros(len(may), np.int64)
    if forbidden is not None and len(forbidden.users):
        counts = np.bincount(forbidden.users, minlength=n_users)[:n_users]
        np.maximum.at(more, which[:n_users], counts)
    seen = may[:, ranking]
    nth = np.cumsum(seen, axis=1)
    return np.asarray((seen & (nth <= (places + more)[:, None])).any(axis=0))


def kept_from_users(
    rules: UserRules, snapshot: Snapshot, lists: Mapping[str, Keys], everyone: str
) -> Forbidden:
    """Pairs of every user, NOBODY included, with the items of the user's fallback lists that the
    rules keep from the user, and with NO_ITEM. `lists`: items `[m] int32` by segment.
    """
    users = np.append(np.arange(snapshot.n_users, dtype=np.int32), np.int32(NOBODY))
    which, may = rules.classes(users)
    codes, names = every_segment(snapshot.users, snapshot.config.users.segment_by)
    segment = np.append(codes, -1)
    of, kept = [users], [np.full(len(users), NO_ITEM, np.int32)]
    groups = np.stack([which, segment])
    for one, code in np.unique(groups, axis=1).T.tolist():
        name = names[code] if code >= 0 else everyone
        shown = np.union1d(lists[everyone], lists.get(name, np.empty(0, np.int32)))
        forbidden = shown[~may[one, shown]].astype(np.int32)
        those = users[(which == one) & (segment == code)]
        of.append(np.repeat(those, len(forbidden)))
        kept.append(np.tile(forbidden, len(those)))
    return Forbidden(np.concatenate(of), np.concatenate(kept))
