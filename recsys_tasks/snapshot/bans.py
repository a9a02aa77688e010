"""Items that negative events keep out of users' lists, as of a cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from recsys_tasks.arrays import Bool, Int32, Int64
from recsys_tasks.clock import DAY_SECONDS, day_of, start_of
from recsys_tasks.config import Config, NegativeKind
from recsys_tasks.ids import Keys
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.day_files import NEGATIVES


@dataclass(frozen=True)
class Bans:
    """Distinct pairs as sorted codes user * n_items + item, `codes [p] int64`."""

    codes: Int64
    n_items: int

    def of(self, users: Keys, items: Int32) -> Bool:
        """`[n, c]`: which of the items `[n, c]` are banned from the lists of `users [n]`."""
        if not len(self.codes):
            return np.zeros(items.shape, bool)
        asked = users.astype(np.int64)[:, None] * self.n_items + items
        place = np.minimum(np.searchsorted(self.codes, asked), len(self.codes) - 1)
        return np.asarray((self.codes[place] == asked) & (items >= 0))

    def bounds(self, users: Keys) -> tuple[Int64, Int64]:
        """Half-open places `[n]` of the pairs of each of the users `[n]` among the codes."""
        low = users.astype(np.int64) * self.n_items
        starts, ends = (np.searchsorted(self.codes, at) for at in (low, low + self.n_items))
        return starts.astype(np.int64), ends.astype(np.int64)

    def pairs(self) -> tuple[Keys, Keys]:
        """Users and items of the pairs, `[p] int32` each, by user and then item."""
        users, items = np.divmod(self.codes, max(self.n_items, 1))
        return users.astype(np.int32), items.astype(np.int32)


def ends_ban(config: Config, negative: NegativeKind) -> tuple[int, ...]:
    """Event codes that, when they come later, end the ban of a negative event."""
    wanted = {event for objective in config.objectives for event in objective.events}
    names = wanted if negative.ended_by is None else negative.ended_by
    return tuple(sorted(config.event_codes[name] for name in names))


def bans_at(snapshot: Snapshot, before: date) -> Bans | None:
    """What is banned at the start of a day, of the events before it; None where the shop has no
    negative events.

    A ban ends with a later event of the user with the item, of a kind that ends it, unless that
    was taken back; and exactly `for_days` (to the second) after the newest negative event.
    """
    kinds = snapshot.negative_kinds
    if not kinds:
        return None
    empty = NEGATIVES.schema.empty_table()
    rows = pa.concat_tables([empty, *snapshot.negatives(before)])
    found = [
        _newest(snapshot, rows, number, kind, start_of(before)) for number, kind in enumerate(kinds)
    ]
    codes = [codes for codes, _ in found]
    if any(map(len, codes)):
        codes = _not_ended(snapshot, found, before)
    return Bans(np.unique(np.concatenate(codes)), snapshot.n_items)


def _newest(
    snapshot: Snapshot, rows: pa.Table, number: int, kind: NegativeKind, cutoff: int
) -> tuple[Int64, Int64]:
    """Sorted codes of pairs with a negative event of a kind whose days are not over, and the second
    of the newest.
    """
    ts = rows["ts"].to_numpy()
    lasting = (rows["kind"].to_numpy() == number) & (ts < cutoff) & kind.bans
    if kind.for_days is not None:
        lasting &= ts > cutoff - kind.for_days * DAY_SECONDS
    codes = _codes(rows, snapshot.n_items)[lasting]
    order = np.lexsort((ts[lasting], codes))
    codes, ts = codes[order], ts[lasting][order]
    last = np.append(codes[1:] != codes[:-1], True)[: len(codes)]
    return codes[last], ts[last]


def _not_ended(
    snapshot: Snapshot, found: Sequence[tuple[Int64, Int64]], before: date
) -> list[Int64]:
    """Of each kind's pairs, those without a later event that ends their ban."""
    enders = [list(ends_ban(snapshot.config, kind)) for kind in snapshot.negative_kinds]
    ended = [np.zeros(len(codes), bool) for codes, _ in found]
    since = day_of(min(int(ts.min()) for _, ts in found if len(ts)))
    columns = ["user_key", "item_key", "ts", "event"]
    for day in snapshot.event_tables(columns, since, before):
        of_day, ts, event = (
            _codes(day, snapshot.n_items),
            day["ts"].to_numpy(),
            day["event"].to_numpy(),
        )
        for (codes, newest), kinds, over in zip(found, enders, ended, strict=True):
            if not len(codes):
                continue
            place = np.minimum(np.searchsorted(codes, of_day), len(codes) - 1)
            later = (codes[place] == of_day) & (ts > newest[place]) & np.isin(event, kinds)
            over[place[later]] = True
    return [codes[~over] for (codes, _), over in zip(found, ended, strict=True)]


def _codes(table: pa.Table, n_items: int) -> Int64:
    user = table["user_key"].to_numpy().astype(np.int64)
    return np.asarray(user * n_items + table["item_key"].to_numpy())
