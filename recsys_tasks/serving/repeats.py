"""Which items the repeat policy or a negative event forbids which users, active or not, as of a
cutoff.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.clock import DAY_SECONDS, Cutoffs, day_of
from recsys_tasks.config import AfterDays, Config
from recsys_tasks.ids import Keys
from recsys_tasks.serving.load import FORBIDDEN_SCHEMA
from recsys_tasks.snapshot.bans import bans_at
from recsys_tasks.snapshot.dataset import Snapshot

Codes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MERGE_AT = 20_000_000
"""Pairs that are collected, day by day, before duplicates among them are removed."""


def policy_words(config: Config) -> str:
    """The policy as text, as it stands in a publication's row: allow, forbid, after … days; that
    negative events ban items, and that rules keep some items from some users, where the shop has
    them.
    """
    policy = config.repeat_consumption
    words = f"after {policy.after_days} days" if isinstance(policy, AfterDays) else policy
    words += ", bans" if config.events.negatives else ""
    return f"{words}, rules by user" if config.eligibility.rules else words


@dataclass(frozen=True)
class Forbidden:
    """Distinct pairs, sorted by user and then item: `users [p] int32`, `items [p] int32`."""

    users: Keys
    items: Keys

    def with_others(self, others: Forbidden) -> Forbidden:
        """These pairs and others, sorted; a pair may be there twice."""
        users = np.concatenate([self.users, others.users])
        items = np.concatenate([self.items, others.items])
        order = np.lexsort((items, users))
        return Forbidden(users[order], items[order])

    def where(self, chosen: Bools) -> Forbidden:
        """Some of the pairs, `[p]`."""
        return Forbidden(self.users[chosen], self.items[chosen])

    def table(self) -> pa.Table:
        """The pairs as the table that `load_forbidden` takes."""
        return pa.table([self.users, self.items], schema=FORBIDDEN_SCHEMA)


def forbidden_pairs(snapshot: Snapshot, cutoffs: Cutoffs, eligible: Bools) -> Forbidden | None:
    """Pairs of a user and an item that the policy forbids, because the user has an event with the
    item, or a negative event bans; None where the policy allows everything and no event bans.

    Only items of `eligible [n_items]` are in it, since no other item is shown to anyone. An item is
    allowed again exactly `after_days` (to the second) after the user's newest event with it before
    the history cutoff. Events of one day at a time are in memory.
    """
    bans = bans_at(snapshot, cutoffs.history_before)
    banned = np.empty(0, np.int64)
    if bans is not None:
        banned = bans.codes[eligible[bans.codes % max(snapshot.n_items, 1)]]
    policy = snapshot.config.repeat_consumption
    if policy == "allow":
        return None if bans is None else _forbidden(banned, snapshot.n_items)
    after = (
        cutoffs.history - policy.after_days * DAY_SECONDS if isinstance(policy, AfterDays) else None
    )
    since = None if after is None else day_of(after)
    found, waiting, size = banned, list[Codes](), 0
    columns = ["user_key", "item_key", "ts"]
    for events in snapshot.event_tables(columns, since, cutoffs.history_before):
        codes = _codes(events, snapshot.n_items, after, cutoffs.history, eligible)
        waiting.append(codes)
        size += len(codes)
        if size > max(MERGE_AT, len(found)):
            found, waiting, size = np.unique(np.concatenate([found, *waiting])), [], 0
    return _forbidden(np.unique(np.concatenate([found, *waiting])), snapshot.n_items)


def _forbidden(codes: Codes, n_items: int) -> Forbidden:
    users, items = np.divmod(codes, max(n_items, 1))
    return Forbidden(users.astype(np.int32), items.astype(np.int32))


def _codes(
    events: pa.Table, n_items: int, after: int | None, before: int, eligible: Bools
) -> Codes:
    """The pairs of one day's events that came later than `after`, as user * n_items + item."""
    item, ts = events["item_key"].to_numpy(), events["ts"].to_numpy()
    chosen = eligible[item] & (ts < before)
    if after is not None:
        chosen &= ts > after
    codes = events["user_key"].to_numpy()[chosen].astype(np.int64) * n_items + item[chosen]
    return np.unique(codes)


def needed_length(forbidden: Forbidden, ranking: Keys, k: int, most: int) -> int:
    """Length of a prefix of `ranking [n] int32` (best first) in which every user has k items that
    are not forbidden; at most `most`.
    """
    size = min(len(ranking), most)
    place = np.full(
        int(max(forbidden.items.max(initial=-1), ranking.max(initial=-1))) + 1, size, np.int64
    )
    place[ranking[:size]] = np.arange(size)
    at = place[forbidden.items]
    early = at < size
    # Places of each user's forbidden items, ascending. A forbidden item lengthens the prefix where
    # fewer than k allowed items stand before it.
    code = np.sort(forbidden.users[early].astype(np.int64) * size + at[early])
    users, at = np.divmod(code, max(size, 1))
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    before = np.arange(len(users)) - np.repeat(starts, np.diff(np.append(starts, len(users))))
    counted = before[at - before < k]
    return min(size, k + int(counted.max(initial=-1)) + 1)
