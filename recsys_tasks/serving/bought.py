"""What users buy together, and what a user had and is due to buy again: lists beside the ranked
ones, made of plain counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.ids import Keys
from recsys_tasks.serving.forbidden_items import ForbiddenTo
from recsys_tasks.serving.load import replace_rows
from recsys_tasks.serving.publication import Publication
from recsys_tasks.snapshot.events import Events

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TOGETHER_SCHEMA = pa.schema(
    [
        ("item_key", pa.int32()),
        ("items", pa.list_(pa.int32())),
        ("lifts", pa.list_(pa.float32())),
        ("baskets", pa.list_(pa.int32())),
    ]
)
AGAIN_SCHEMA = pa.schema(
    [
        ("user_key", pa.int32()),
        *((name, pa.list_(pa.int32())) for name in ("items", "bought", "due", "times")),
    ]
)
DAYS = 365
"""Days back of which purchases are counted."""
LARGEST_BASKET = 100
"""Items of one user and day; of more, a dealer's or a robot's, none is a pair with all others."""
LEAST_GAPS = 3
"""So many repurchases of an item, by anyone, say how long it lasts."""
AHEAD_DAYS = 6
"""An item is due from so many days before the day that its usual gap ends."""
_ROWS = 4096


def bought_together(events: Events, eligible: Bools, size: int, least_baskets: int) -> pa.Table:
    """Rows for `load_together`: for each item the `size` eligible ones of the largest lift, best
    first; ties: more baskets, then the smaller key.

    A basket is what one user bought on one UTC day. Lift is the share of the item's baskets that
    have the other, over the share of all baskets that have it: 1 is what chance alone gives. Pairs
    of fewer than `least_baskets` baskets are left out. `eligible [n_items]` by item key.
    """
    pairs = np.unique(np.stack([_baskets(events), events.item.astype(np.int64)]), axis=1)
    baskets, sizes = np.unique(pairs[0], return_inverse=True, return_counts=True)[1:]
    kept = sizes[baskets] <= LARGEST_BASKET
    rows, items, n = baskets[kept], pairs[1][kept], len(sizes)
    shape = n, len(eligible)
    held = sp.csr_matrix((np.ones(len(rows), np.int32), (rows, items)), shape=shape)
    times = np.asarray(held.sum(axis=0)).ravel().astype(np.float64)
    turned = sp.csr_matrix(held.T)
    found = [pa.table([[], [], [], []], schema=TOGETHER_SCHEMA)]
    (some,) = np.nonzero(times >= least_baskets)
    for start in range(0, len(some), _ROWS):
        own = some[start : start + _ROWS]
        both = sp.coo_matrix(turned[own] @ held)
        mine, other, count = own[both.row], both.col.astype(np.int64), both.data
        keep = (mine != other) & eligible[other] & (count >= least_baskets)
        mine, other, count = mine[keep], other[keep], count[keep]
        lift = count * float(n) / (times[mine] * times[other])
        order = np.lexsort((other, -count, -lift, mine))
        columns = {"items": other, "lifts": lift.astype(np.float32), "baskets": count}
        found.append(_lists(TOGETHER_SCHEMA, mine[order], _at(columns, order), size))
    return pa.concat_tables(found)


def buy_again(
    events: Events,
    eligible: Bools,
    forbidden: ForbiddenTo,
    as_of: int,
    size: int,
) -> pa.Table:
    """Rows for `load_again`: for each user the items that they bought and that are due about now,
    the longest due first; ties: bought more often, then the smaller key.

    An item's gap is the median of days between two purchases of it by one user, over everyone, of
    items with `LEAST_GAPS` of them; it is due a gap after the user's last day with it. Shown are
    those due within `AHEAD_DAYS` days or less than a whole gap ago, of `eligible [n_items]`, and
    without what is `forbidden` to the user by now, who may have bought it before. `as_of`: the
    night as a day number since 1970.
    """
    n_items = len(eligible)
    code = events.user.astype(np.int64) * n_items + events.item
    bought = np.unique(np.stack([code, events.ts // DAY_SECONDS]), axis=1)
    same = bought[0][1:] == bought[0][:-1]
    gaps = _medians(bought[0][1:][same] % max(n_items, 1), np.diff(bought[1])[same], n_items)
    pairs, first, times = np.unique(bought[0], return_index=True, return_counts=True)
    last = bought[1][first + times - 1]
    user, item = np.divmod(pairs, max(n_items, 1))
    gap = gaps[item]
    due = last + gap
    keep = (gap > 0) & (due <= as_of + AHEAD_DAYS) & (due > as_of - gap) & eligible[item]
    (due_pairs,) = np.nonzero(keep)
    asked = item[due_pairs].astype(np.int32)[:, None]
    keep[due_pairs] = ~forbidden(user[due_pairs].astype(np.int32), asked)[:, 0]
    columns = {"items": item, "bought": last, "due": due, "times": times}
    columns = {name: values[keep] for name, values in columns.items()}
    order = np.lexsort((columns["items"], -columns["times"], columns["due"], user[keep]))
    return _lists(AGAIN_SCHEMA, user[keep][order], _at(columns, order), size)


def _baskets(events: Events) -> Ints:
    day = events.ts // DAY_SECONDS
    first = int(day.min(initial=0))
    return events.user.astype(np.int64) * (int(day.max(initial=0)) - first + 1) + day - first


def _medians(items: Keys | Ints, gaps: Ints, n_items: int) -> Ints:
    """`[n_items]`: the lower median of each item's gaps; 0 of items with fewer than LEAST_GAPS."""
    order = np.lexsort((gaps, items))
    known, first, count = np.unique(items[order], return_index=True, return_counts=True)
    found = np.zeros(n_items, np.int64)
    middle = gaps[order][first + (count - 1) // 2]
    found[known] = np.where(count >= LEAST_GAPS, middle, 0)
    return found


def _at(columns: dict[str, Any], order: Ints) -> dict[str, Any]:
    return {name: values[order] for name, values in columns.items()}


def _lists(schema: pa.Schema, keys: Ints, columns: dict[str, Any], size: int) -> pa.Table:
    """One row a key, with the first `size` values of each column; `keys` are in order."""
    known, first, count = np.unique(keys, return_index=True, return_counts=True)
    place = np.arange(len(keys)) - np.repeat(first, count)
    offsets = np.concatenate([[0], np.cumsum(np.minimum(count, size))]).astype(np.int32)
    arrays = [pa.array(known.astype(np.int32))]
    for field in list(schema)[1:]:
        values = pa.array(columns[field.name][place < size]).cast(field.type.value_type)
        arrays.append(pa.ListArray.from_arrays(offsets, values))
    return pa.Table.from_arrays(arrays, schema=schema)


def load_together(engine: Engine, publication: Publication, rows: pa.Table) -> int:
    """Load what is bought together, one row an item; returns the rows."""
    return replace_rows(
        engine,
        publication,
        "together_rows",
        rows.select(TOGETHER_SCHEMA.names).cast(TOGETHER_SCHEMA),
    )


def load_again(engine: Engine, publication: Publication, rows: pa.Table) -> int:
    """Load what users are due to buy again, one row a user; returns the rows.

    Those of publications before the newest two go, but for what readers see: a row a user would
    otherwise be kept for each kept night.
    """
    return replace_rows(
        engine,
        publication,
        "again_rows",
        rows.select(AGAIN_SCHEMA.names).cast(AGAIN_SCHEMA),
        _OLDER_AGAIN,
    )


_OLDER_AGAIN = sa.text("""
DELETE FROM recsys.again_rows WHERE publication_id NOT IN (:id,
  coalesce((SELECT max(p.id) FROM recsys.publication AS p WHERE p.id < :id), 0),
  coalesce((SELECT c.publication_id FROM recsys.current_publication AS c), 0))
""")
