"""When each user was last active, for analysts: who has no list, and why."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks.clock import DAY_SECONDS, day_of, start_of
from recsys_tasks.snapshot.dataset import Snapshot


def last_active(snapshot: Snapshot) -> npt.NDArray[np.datetime64]:
    """`[n_users] datetime64[D]`: day of each user's newest event within `activity.within_days`
    before the night; NaT without one.
    """
    end = start_of(snapshot.as_of)
    start = end - snapshot.config.activity.within_days * DAY_SECONDS
    newest = np.full(snapshot.n_users, -1, np.int64)
    for events in snapshot.event_tables(["user_key", "ts"], day_of(start), snapshot.as_of):
        ts = events["ts"].to_numpy()
        inside = (ts >= start) & (ts < end)
        np.maximum.at(newest, events["user_key"].to_numpy()[inside], ts[inside])
    days = (newest // DAY_SECONDS).astype("datetime64[D]")
    days[newest < 0] = np.datetime64("NaT")
    return days
