"""What users did with the places of published lists, place by place and counted up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Floats, Ints, Lists
from recsys_tasks.snapshot.events import Events

Reasons = npt.NDArray[np.int8]
Prices = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """Lists `items [n, k] int32` of `users [n]`, -1 where there is no place, with `reasons [n, k]`
    and the users' segments: `segment [n]` codes into `segments`, whose last, '', is none.
    """

    users: Keys
    items: Lists
    reasons: Reasons
    segment: Ints
    segments: Sequence[str]

    @classmethod
    def of(cls, lists: tuple[Keys, Lists, Reasons], codes: Keys, names: Sequence[str]) -> Self:
        """Users, items and reasons of the lists; `codes [n_users] int32` of every user's segment
        into `names`, -1 for none.
        """
        users, items, reasons = lists
        found = codes[users].astype(np.int64)
        return cls(users, items, reasons, np.where(found < 0, len(names), found), [*names, ""])


def count_places(shown: Shown) -> pa.Table:
    """Places by segment, rank and reason."""
    width, kinds = shown.items.shape[1], int(shown.reasons.max(initial=0)) + 1
    counts = np.zeros(len(shown.segments) * width * kinds, np.int64)
    for column in range(width):  # one at a time: all places at once would be copied several times
        there = shown.items[:, column] >= 0
        codes = (shown.segment[there] * width + column) * kinds + shown.reasons[there, column]
        counts += np.bincount(codes, minlength=len(counts))
    (some,) = np.nonzero(counts)
    groups = np.stack([some // kinds // width, some // kinds % width + 1, some % kinds])
    return pa.table({**_keys(groups, shown.segments), "places": counts[some]})


@dataclass(frozen=True)
class Outcomes:
    """Parallel arrays, one row a place and kind of event: `row` of the lists, `rank` from 1."""

    row: Ints
    rank: Ints
    event: Ints
    times: Ints
    amount: Floats


def outcomes_of(shown: Shown, events: Events) -> Outcomes:
    """What the lists' users did with the items of their places, by kind of event.

    The amount is the sum of price times quantity, of a missing quantity 1; NaN where no event of
    the place has a price.
    """
    place, taken = _places_of(shown, events)
    width = shown.items.shape[1]
    kinds = np.int64(events.event.max(initial=0)) + 1
    codes, group = np.unique(place * kinds + events.event[taken], return_inverse=True)
    return Outcomes(
        row=codes // kinds // width,
        rank=codes // kinds % width + 1,
        event=codes % kinds,
        times=np.bincount(group, minlength=len(codes)),
        amount=amounts((events.price[taken], events.quantity[taken]), group, len(codes)),
    )


def amounts(paid: tuple[Prices, Prices], group: Ints, n: int) -> Floats:
    """`[n] float64`: sums of price times quantity by `group [m]`; NaN of groups without a price.

    `paid`: prices and quantities `[m]`, NaN where there is none; of a missing quantity 1.
    """
    price = paid[0].astype(np.float64)
    quantity = np.nan_to_num(paid[1].astype(np.float64), nan=1.0)
    priced = ~np.isnan(price)
    amount = np.bincount(group, np.where(priced, price * quantity, 0.0), n)
    return np.where(np.bincount(group, priced, n) > 0, amount, np.nan)


def _places_of(shown: Shown, events: Events) -> tuple[Ints, Ints]:
    """(place `[m]`: row · k + column, event `[m]`: row of `events`), for each event about an item
    of its user's list.
    """
    span = np.int64(max(shown.items.max(initial=0), events.item.max(initial=0))) + 1
    some = np.flatnonzero(np.isin(shown.users, events.user))
    users, width = shown.users[some].astype(np.int64), shown.items.shape[1]
    listed = np.where(shown.items[some] >= 0, users[:, None] * span + shown.items[some], -1).ravel()
    order = np.argsort(listed, kind="stable")
    asked = events.user.astype(np.int64) * span + events.item
    if not len(listed):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(listed[order], asked), len(listed) - 1)
    taken = np.flatnonzero(listed[order][at] == asked)
    flat = order[at[taken]]
    return some[flat // width] * width + flat % width, taken


def place_rows(shown: Shown, found: Outcomes, events: Sequence[str]) -> pa.Table:
    """One row a place and kind of event, with its user, item, reason and segment."""
    column = found.rank - 1
    return pa.table(
        {
            "user_key": shown.users[found.row],
            "rank": found.rank.astype(np.int16),
            "event": _named(found.event, events),
            "item_key": shown.items[found.row, column],
            "reason": shown.reasons[found.row, column].astype(np.int16),
            "segment": _named(shown.segment[found.row], shown.segments),
            "times": found.times.astype(np.int32),
            "amount": pa.array(found.amount, from_pandas=True),
        }
    )


def count_outcomes(shown: Shown, found: Outcomes, events: Sequence[str]) -> pa.Table:
    """Places with an outcome by segment, rank, reason and kind of event."""
    reasons = shown.reasons[found.row, found.rank - 1]
    codes = np.stack([shown.segment[found.row], found.rank, reasons, found.event])
    groups, group = np.unique(codes, axis=1, return_inverse=True)
    n, group = groups.shape[1], group.ravel()
    known = ~np.isnan(found.amount)
    amount = np.bincount(group, np.where(known, found.amount, 0.0), n)
    amount = np.where(np.bincount(group, known, n) > 0, amount, np.nan)  # also where n is 0
    return pa.table(
        {
            **_keys(groups, shown.segments),
            "event": _named(groups[3], events),
            "places_with": np.bincount(group, minlength=n).astype(np.int64),
            "times": np.bincount(group, found.times, n).astype(np.int64),
            "amount": pa.array(amount, from_pandas=True),
        }
    )


def _keys(groups: Ints, segments: Sequence[str]) -> dict[str, object]:
    return {
        "segment": _named(groups[0], segments),
        "rank": groups[1].astype(np.int16),
        "reason": groups[2].astype(np.int16),
    }


def _named(codes: Ints, names: Sequence[str]) -> pa.Array:
    return pa.array(np.asarray(names, object)[codes], pa.string())
