"""What everyone did, whatever the lists showed, and which items each segment is shown most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recsys_tasks.metrics import Floats, Ints
from recsys_tasks.monitoring.lists.outcomes import Shown, amounts
from recsys_tasks.snapshot.events import Events

SEGMENT_ITEMS = 100
"""Items kept of each segment."""
_NOTHING = (np.zeros(0, np.int64),) * 3


@dataclass(frozen=True)
class Totals:
    """Parallel arrays `[n_kinds]`, by kind of event: users who did it, how often, and its amount,
    NaN where no event has a price.
    """

    users: Ints
    times: Ints
    amount: Floats


def totals_of(events: Events, n_kinds: int) -> Totals:
    """What all users did, by kind of event."""
    kind = events.event.astype(np.int64)
    pairs = np.unique(events.user.astype(np.int64) * n_kinds + kind)
    return Totals(
        users=np.bincount(pairs % n_kinds, minlength=n_kinds),
        times=np.bincount(kind, minlength=n_kinds),
        amount=amounts((events.price, events.quantity), kind, n_kinds),
    )


def count_items(events: Events, names: Sequence[str]) -> pa.Table:
    """What users did with each item, a row an item and kind of event; `names` of the kinds."""
    kinds = np.int64(len(names))
    pairs = events.item.astype(np.int64) * kinds + events.event
    codes, group = np.unique(pairs, return_inverse=True)
    order = np.lexsort((events.user, group))
    user, of = events.user[order], group[order]
    first = np.ones(len(order), bool)
    first[1:] = (user[1:] != user[:-1]) | (of[1:] != of[:-1])
    amount = amounts((events.price, events.quantity), group, len(codes))
    return pa.table(
        {
            "item_key": (codes // kinds).astype(np.int32),
            "event": pa.array(np.asarray(names, object)[codes % kinds], pa.string()),
            "users": np.bincount(of[first], minlength=len(codes)),
            "times": np.bincount(group, minlength=len(codes)),
            "amount": pa.array(amount, from_pandas=True),
        }
    )


def segment_items(shown: Shown, most: int = SEGMENT_ITEMS) -> pa.Table:
    """The `most` items that most lists of each segment show; ties: the smaller key."""
    found = []
    for code in np.unique(shown.segment):
        places = shown.items[shown.segment == code]
        counts = np.bincount(places[places >= 0])
        top = np.argsort(-counts, kind="stable")[:most]
        top = top[counts[top] > 0]
        found.append((np.full(len(top), code), top, counts[top]))
    segment, item, lists = map(np.concatenate, zip(*found, strict=True)) if found else _NOTHING
    return pa.table(
        {
            "segment": pa.array(np.asarray(shown.segments, object)[segment], pa.string()),
            "item_key": item.astype(np.int32),
            "lists": lists,
        }
    )
