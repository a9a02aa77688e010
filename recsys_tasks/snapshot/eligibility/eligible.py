"""Which items are eligible as of a day: those that exist by then and are available and not hidden,
as far as was known by then.
"""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from recsys_tasks.clock import parse_day, start_of
from recsys_tasks.lake import Artifact
from recsys_tasks.snapshot.dataset import ITEMS_AS_OF, Snapshot
from recsys_tasks.snapshot.entities import ENDS, ITEM_TIMES, NEVER

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]


def eligible_items(snapshot: Snapshot, day: date) -> Bools:
    """`[n_items]`: exists before the start of `day` and has not ended by then, and was available
    and not hidden that night.

    Of the snapshot's own night its items say so; of an earlier one those of the snapshot that was
    frozen then. Where the lake has none, or its items may be of a later day, nobody knows, and
    whatever existed is eligible: what is delisted tonight may have been available then.
    """
    eligible: Bools = snapshot.items["available_from"].to_numpy() < start_of(day)
    eligible &= _ends(snapshot) > start_of(day)
    if day >= snapshot.as_of:
        return eligible & snapshot.items["available"].to_numpy(bool)
    night = frozen_by(snapshot, day)
    return eligible if night is None else eligible & _available(night, snapshot.n_items)


def _ends(snapshot: Snapshot) -> Longs:
    """`[n_items]`: seconds from which items can no longer be had, as far as is known tonight."""
    ends = np.full(snapshot.n_items, NEVER, np.int64)
    if ITEM_TIMES in snapshot.artifact.manifest["files"]:
        path = snapshot.artifact.file(ITEM_TIMES)
        if ENDS in pq.read_schema(path).names:
            known = pq.read_table(path, columns=[ENDS])[ENDS].to_numpy()
            ends[: len(known)] = known
    return ends


def hash_of(eligible: Bools) -> str:
    """What stands for `eligible [n_items]` among an artifact's inputs."""
    return hashlib.sha256(eligible.tobytes()).hexdigest()[:16]


def frozen_by(snapshot: Snapshot, day: date) -> Artifact | None:
    """The newest snapshot of a past night that knows no more than was known that day; None where
    there is none, or nobody knows of which day its tables are.
    """
    versions = reversed(snapshot.lake.versions("snapshot", day.isoformat()))
    return next((night for night in versions if _of_then(night, day)), None)


def _of_then(night: Artifact, day: date) -> bool:
    """A night can be made up for later, from a table that says what is available by then."""
    known = night.facts.get(ITEMS_AS_OF)
    return known is not None and parse_day(known) <= day


def _available(night: Artifact, n_items: int) -> Bools:
    """`[n_items]` by key; what the night had not heard of was not available."""
    then = pq.read_table(night.file("items.parquet"), columns=["available"])[
        "available"
    ].to_numpy()[:n_items]
    return np.pad(then.astype(bool), (0, n_items - len(then)))
