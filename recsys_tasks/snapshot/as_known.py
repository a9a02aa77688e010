"""A snapshot whose attributes are those that were known on a past day.

What is learned or judged at a past cutoff must not know the price, rating, stock or tier of later.
The nightly snapshots remember them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from recsys_tasks.clock import parse_day
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import frozen_by


def known_at(snapshot: Snapshot, day: date) -> Snapshot:
    """The same users, items and events, with the attributes of the newest snapshot up to `day`,
    else of the oldest one after it that knew no more than its own night.

    The snapshot itself for its own night, and where no earlier one says whose state its tables
    were, as those of files of the past do not: their attributes may be of any later day.
    """
    if day >= snapshot.as_of:
        return snapshot
    nights = [parse_day(key) for key in snapshot.lake.keys("snapshot")]
    nights = [night for night in nights if night < snapshot.as_of]
    earlier = sorted((night for night in nights if night <= day), reverse=True)
    later = sorted(night for night in nights if night > day)
    for night in (*earlier, *later):
        found = frozen_by(snapshot, night)
        if found is not None:
            return replace(snapshot, attributes_of=found)
    return snapshot


def attribute_inputs(snapshot: Snapshot) -> dict[str, str]:
    """What stands for the attributes of a past night among an artifact's inputs; empty for the
    snapshot's own.
    """
    night = snapshot.attributes_of
    return {} if night is None else {"attributes": night.content}
