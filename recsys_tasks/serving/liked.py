"""What users of the same taste liked that a user has not had: lists beside the ranked ones, by
groups of users whose vectors are near one another.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.ids import Keys
from recsys_tasks.serving.forbidden_items import ForbiddenTo
from recsys_tasks.serving.load import replace_rows
from recsys_tasks.serving.publication import Publication
from recsys_tasks.snapshot.events import Events

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
"""Users `[n]` and items `[n, c]`, -1 pads → `[n, c]`: what a user may not be shown."""

SCHEMA = pa.schema(
    [
        ("user_key", pa.int32()),
        ("items", pa.list_(pa.int32())),
        ("likers", pa.list_(pa.int32())),
        ("lifts", pa.list_(pa.float32())),
    ]
)
DAYS = 90
"""Days back of which it counts what users did."""
USERS_A_GROUP = 100
MOST_GROUPS = 256
LEAST_LIKERS = 5
"""Users of a group who must have had an item."""
_SAMPLE = 20_000
"""Users by whom the groups are found."""
_PASSES = 10
_SPARE = 50
"""Items of a group beyond the size of a list, for those that a user has had."""
_ROWS = 65_536


def taste_groups(vectors: Floats, seed: int = 17) -> Ints:
    """Group of each user by the direction of the vector `[n, d]`: spherical k-means, a group a
    hundred users, at most 256; -1 for a zero vector. The same for the same vectors.
    """
    groups = np.full(len(vectors), -1, np.int64)
    (known,) = np.nonzero(np.any(vectors != 0, axis=1))
    if not len(known):
        return groups
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(known, min(len(known), _SAMPLE), replace=False))
    n = min(max(len(known) // USERS_A_GROUP, 1), MOST_GROUPS)
    unit = _unit(vectors[drawn])
    centres = unit[np.sort(rng.choice(len(unit), n, replace=False))]
    for _ in range(_PASSES):
        nearest = np.argmax(unit @ centres.T, axis=1)
        filled = np.unique(nearest)
        sums = sp.csr_matrix(
            (np.ones(len(unit), np.float32), (nearest, np.arange(len(unit)))),
            shape=(n, len(unit)),
        )
        # A centre that lost all its users, or whose users cancel out, stays where it is.
        moved = np.asarray(sums @ unit)
        filled = filled[np.any(moved[filled] != 0, axis=1)]
        centres[filled] = _unit(moved[filled])
    for start in range(0, len(known), _ROWS):
        rows = known[start : start + _ROWS]
        groups[rows] = np.argmax(_unit(vectors[rows]) @ centres.T, axis=1)
    return groups


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def also_liked(
    users: Keys, groups: Ints, events: Events, eligible: Bools, forbidden: ForbiddenTo, size: int
) -> pa.Table:
    """Rows for `load_liked`: for each of `users [n] int32`, ascending, of `groups [n]`, up to
    `size` items that others of the group had in `events` and the user had not, the largest lift
    first; ties: more of them, then the smaller key.

    Lift is the share of the group's users who had the item over that of all users: only above 1,
    and of items that `LEAST_LIKERS` of the group had. `eligible [n_items]` by key.
    """
    n_items = len(eligible)
    of = np.full(max(int(users.max(initial=0)), int(events.user.max(initial=0))) + 1, -1, np.int64)
    of[users] = groups
    had = np.unique(events.user.astype(np.int64) * n_items + events.item)
    had = had[of[had // n_items] >= 0]
    shelf = _shelves(had, of, eligible, size + _SPARE)
    found = [SCHEMA.empty_table()]
    (grouped,) = np.nonzero(groups >= 0)
    for start in range(0, len(grouped), _ROWS):
        rows = grouped[start : start + _ROWS]
        keys, own = users[rows], groups[rows]
        items = np.asarray(shelf[0][own], np.int32)
        codes = keys.astype(np.int64)[:, None] * n_items + items
        at = np.minimum(np.searchsorted(had, codes), max(len(had) - 1, 0))
        there = items >= 0
        if len(had):
            there &= had[at] != codes
        there &= ~forbidden(keys, items)
        there &= np.cumsum(there, axis=1) <= size
        found.append(_table(keys, there, [values[own] for values in shelf]))
    return pa.concat_tables(found)


def _shelves(had: Ints, of: Ints, eligible: Bools, depth: int) -> list[npt.NDArray[np.generic]]:
    """`[n_groups, depth]` items, -1 pads, with how many of the group had them, and their lifts."""
    n_items = len(eligible)
    user, item = np.divmod(had, n_items)
    n_groups = int(of.max(initial=-1)) + 1
    members = np.bincount(of[np.unique(user)], minlength=n_groups)
    pairs, count = np.unique(of[user] * n_items + item, return_counts=True)
    group, thing = np.divmod(pairs, n_items)
    everyone = np.bincount(item, minlength=n_items)
    lift = count / members[group] / (everyone[thing] / max(members.sum(), 1))
    (keep,) = np.nonzero(eligible[thing] & (count >= LEAST_LIKERS) & (lift > 1))
    order = keep[np.lexsort((thing[keep], -count[keep], -lift[keep], group[keep]))]
    first = np.searchsorted(group[order], np.arange(n_groups))
    place = np.arange(len(order)) - first[group[order]]
    order, place = order[place < depth], place[place < depth]
    made: list[npt.NDArray[np.generic]] = []
    for values, kind, pad in ((thing, np.int32, -1), (count, np.int32, 0), (lift, np.float32, 0)):
        wide = np.full((n_groups, depth), pad, kind)
        wide[group[order], place] = values[order]
        made.append(wide)
    return made


def _table(keys: Keys, there: Bools, columns: list[npt.NDArray[np.generic]]) -> pa.Table:
    some = there.any(axis=1)
    lengths = there[some].sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    arrays = [pa.array(keys[some])]
    arrays += [
        pa.ListArray.from_arrays(offsets, pa.array(values[some][there[some]])) for values in columns
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def load_liked(engine: Engine, publication: Publication, rows: pa.Table) -> int:
    """Load what others of the same taste liked, one row a user; returns the rows.

    Those of publications before the newest two go, but for what readers see.
    """
    return replace_rows(engine, publication, "liked_rows", rows, _OLDER)


_OLDER = sa.text("""
DELETE FROM recsys.liked_rows WHERE publication_id NOT IN (:id,
  coalesce((SELECT max(p.id) FROM recsys.publication AS p WHERE p.id < :id), 0),
  coalesce((SELECT c.publication_id FROM recsys.current_publication AS c), 0))
""")
