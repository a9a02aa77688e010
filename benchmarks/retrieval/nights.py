"""Consecutive nights of a shop, frozen as they would have been, and towers judged on what came
after each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.config import Config
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Lake
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.index.build import ExactSearcher
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop

K, SHOWN = 100, 10
NEW_DAYS = 28
"""An item counts as new for so many days after its first event."""
SLICES = ("all", "active that night", "new items")


def freeze_nights(config: Config, home: Path, nights: Iterable[date]) -> dict[date, Snapshot]:
    """A snapshot of each night, ascending; a simulated shop lives only up to the night that is
    frozen.
    """
    lake, found = Lake(home / "lake"), {}
    for night in sorted(nights):
        if isinstance(config.source, ShopSource):
            Shop(config.source, home).simulate(night)
        now = datetime.combine(night, time(1), UTC)
        extract(config, lake, open_source(config, home), night, now)
        found[night] = freeze(config, lake, night, now).snapshot
    return found


@dataclass(frozen=True)
class Truth:
    """What was to be found after a night: pairs of users known before it and items, without
    repeats.

    `active` and `new` say of each pair whether the user was there on the night's last day and
    whether the item's first event was in the last NEW_DAYS before the night. Pairs are sorted by
    user.
    """

    user: Keys
    item: Keys
    active: npt.NDArray[np.bool_]
    new: npt.NDArray[np.bool_]
    known: Mapping[
        int, set[int]
    ]  # of each user, what may not be shown again; empty where repeats are allowed

    @classmethod
    def of(cls, night: date, later: Snapshot, days: int) -> Truth:
        """From a later snapshot of the same lake, which holds the night's window."""
        past = later.events(before=night)
        window = later.events(since=night, before=night + timedelta(days=days))
        pairs = np.unique(np.stack([window.user, window.item], axis=1), axis=0)
        pairs = pairs[np.isin(pairs[:, 0], past.user)]
        known = (
            _known(past, np.unique(pairs[:, 0]))
            if later.config.repeat_consumption == "forbid"
            else {}
        )
        if known:
            pairs = pairs[[item not in known[user] for user, item in pairs.tolist()]]
        first = np.full(later.n_items, np.iinfo(np.int64).max)
        np.minimum.at(first, past.item, past.ts)
        young = (first < start_of(night)) & (first >= start_of(night) - NEW_DAYS * DAY_SECONDS)
        active = np.isin(pairs[:, 0], past.user[past.ts >= start_of(night) - DAY_SECONDS])
        return cls(pairs[:, 0], pairs[:, 1], active, young[pairs[:, 1]], known)

    def slice(self, name: str) -> Truth:
        """The pairs of one of SLICES."""
        mask = {
            "all": np.ones(len(self.user), bool),
            "active that night": self.active,
            "new items": self.new,
        }[name]
        return Truth(
            self.user[mask], self.item[mask], self.active[mask], self.new[mask], self.known
        )


def _known(past: Events, users: Keys) -> dict[int, set[int]]:
    offsets = past.offsets(int(users.max(initial=0)) + 1)
    return {int(user): set(past.item[offsets[user] : offsets[user + 1]].tolist()) for user in users}


def nearest(embeddings: Embeddings, truth: Truth) -> dict[int, list[int]]:
    """User → the K nearest items by exact search, without what is known to them."""
    users = np.unique(truth.user)
    users = users[embeddings.user_rows(users) >= 0]
    vectors = np.asarray(embeddings.user_vectors[embeddings.user_rows(users)])
    deeper = max((len(truth.known.get(int(user), ())) for user in users), default=0)
    items, _ = ExactSearcher(embeddings).search(vectors, K + deeper)
    return {
        user: [i for i in row if i >= 0 and i not in truth.known.get(user, ())][:K]
        for user, row in zip(users.tolist(), items.tolist(), strict=True)
    }


def judge(lists: Mapping[int, list[int]], truth: Truth) -> npt.NDArray[np.float64]:
    """`[n, 3]`: user key, recall@100 and NDCG@10 of each user with something to be found."""
    discount = 1 / np.log2(np.arange(SHOWN) + 2)
    users, starts = np.unique(truth.user, return_index=True)
    rows = []
    for user, start, end in zip(
        users.tolist(), starts, np.r_[starts, len(truth.user)][1:], strict=True
    ):
        wanted, shown = set(truth.item[start:end].tolist()), lists.get(user, [])
        hits = np.array([item in wanted for item in shown[:SHOWN]], bool)
        gain = discount[: len(hits)][hits].sum() / discount[: min(SHOWN, len(wanted))].sum()
        rows.append((user, len(wanted.intersection(shown)) / len(wanted), gain))
    return np.array(rows, float).reshape(-1, 3)
