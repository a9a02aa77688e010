"""The window that the gate judges on: its users, what they did in it, what they had before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import Config
from recsys_tasks.features.segments import every_segment
from recsys_tasks.gate.calibration import Fulfilled
from recsys_tasks.gate.evaluate import Catalogue, Truth, truth_between
from recsys_tasks.gate.slices import activity_slices, attribute_slices
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.examples.watch_time import fulfilling
from recsys_tasks.serving.fallback import fallback_lists
from recsys_tasks.serving.precompute import active_users
from recsys_tasks.snapshot.as_known import known_at
from recsys_tasks.snapshot.dataset import Snapshot

MAX_JUDGED_USERS = 50_000

Lists = npt.NDArray[np.int32]


@dataclass(frozen=True)
class GateWindow:
    """The days from `cutoffs` to the night, which no judged system has learned from."""

    snapshot: Snapshot
    cutoffs: Cutoffs
    as_of: date
    """The night: its start ends the window."""
    before: Cutoffs | None = None
    """Cutoffs one window earlier, where there is such a window."""

    @property
    def config(self) -> Config:
        """The night's settings."""
        return self.snapshot.config


@dataclass(frozen=True)
class Judged:
    """What every system is measured against at the gate's cutoffs. Rows are `users`."""

    users: Keys
    active: npt.NDArray[np.bool_]
    truth: Truth
    known: Truth
    fulfilled: Fulfilled
    catalogue: Catalogue
    slices: Mapping[str, npt.NDArray[np.bool_]]
    fallback: Lists


def judged_users(window: GateWindow) -> Judged:
    """Everyone who did something before or in the window (a sample when many), also those who get
    no own list.
    """
    snapshot, cutoffs, config = window.snapshot, window.cutoffs, window.config
    then = known_at(snapshot, cutoffs.history_before)
    start, end = cutoffs.history, start_of(window.as_of)
    events = snapshot.events(before=window.as_of)
    past = snapshot.known_before(events, cutoffs.history_before)
    happened = events.between(start, end)
    wanted = fulfilling(snapshot, happened)
    users = np.union1d(past.user, wanted.user).astype(np.int32)
    if len(users) > MAX_JUDGED_USERS:
        rng = np.random.default_rng([config.resources.seed, window.as_of.toordinal()])
        users = np.sort(rng.choice(users, MAX_JUDGED_USERS, replace=False))
    slices = activity_slices(np.bincount(past.user, minlength=snapshot.n_users)[users])
    for attribute in config.users.attributes:
        slices |= attribute_slices(attribute, then.users[attribute.name].to_numpy(object)[users])
    category = config.items.category
    return Judged(
        users=users,
        active=np.isin(users, active_users(snapshot, config, cutoffs)),
        truth=truth_between(wanted, None, start, end, users),
        known=truth_between(past, None, 0, start, users),
        fulfilled=Fulfilled.between(snapshot, happened, start, end, users),
        catalogue=Catalogue(
            np.bincount(past.before(cutoffs.learned).item, minlength=snapshot.n_items),
            (
                pd.factorize(then.items[category], sort=True)[0].astype(np.int64)
                if category
                else None
            ),
        ),
        slices=slices,
        fallback=fallback_matrix(then, cutoffs, users),
    )


def fallback_matrix(snapshot: Snapshot, cutoffs: Cutoffs, users: Keys) -> Lists:
    """`[n, k] int32`: each user's segment's popular list, else everyone's, -1 at the end of a short
    one.
    """
    k = snapshot.config.serving.k
    rows = {
        row["segment"]: row["items"]
        for row in fallback_lists(snapshot, snapshot.config, cutoffs).to_pylist()
    }
    codes, names = every_segment(snapshot.users, snapshot.config.users.segment_by)
    table = np.full((len(names) + 1, k), -1, np.int32)
    for place, name in enumerate([*names, ""]):
        chosen = rows.get(name) or rows.get("", [])
        table[place, : min(k, len(chosen))] = chosen[:k]
    return table[codes[users]]  # code -1 (no segment) is the last row: everyone's list
