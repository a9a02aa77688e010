"""Labels of candidates, the users' parts, and the draw of negatives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from recsys_tasks.clock import start_of
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.examples.sampling import Hashes, hashed, shares
from recsys_tasks.ranking.examples.watch_time import Watched
from recsys_tasks.ranking.inputs import Candidates
from recsys_tasks.snapshot.dataset import Snapshot

Bools = npt.NDArray[np.bool_]

FOLD_A, FOLD_B, CALIBRATION_A, CALIBRATION_B = range(4)
"""Parts of the users, by hash: two folds that train, two halves that calibrate."""


@dataclass(frozen=True)
class Truth:
    """Distinct (user, item) pairs of each objective as sorted codes user * n_items + item."""

    n_items: int
    codes: list[npt.NDArray[np.int64]]
    user: npt.NDArray[np.int64]
    """User of each distinct pair, whatever the objective."""
    watched: list[Watched | None]
    """How much of each pair, of the objectives that ask it."""

    def labels(self, users: Keys, items: npt.NDArray[np.int32]) -> Bools:
        """`[n, c, objectives]`."""
        wanted = users.astype(np.int64)[:, None] * self.n_items + items
        hits = [np.isin(wanted, codes) & (items >= 0) for codes in self.codes]
        return np.stack(hits, axis=2)

    def worth(self, labels: Bools, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32] | None:
        """`[n, c, objectives]` of pairs `codes [n, c]`: the labels, or how much; None where no
        objective asks it.
        """
        if all(found is None for found in self.watched):
            return None
        asked = [
            labels[:, :, o] if found is None else found.at(codes)
            for o, found in enumerate(self.watched)
        ]
        return np.stack(asked, axis=2).astype(np.float32) * labels


def truth_of(snapshot: Snapshot, since: date, before: date) -> Truth:
    """What users did in the half-open days [since, before)."""
    events = snapshot.events(since, before).between(start_of(since), start_of(before))
    codes = []
    for objective in snapshot.config.objectives:
        chosen = events.of_kinds(snapshot.config.objective_codes(objective))
        codes.append(np.unique(chosen.user.astype(np.int64) * snapshot.n_items + chosen.item))
    watched = [Watched.of(snapshot, objective, events) for objective in snapshot.config.objectives]
    return Truth(
        snapshot.n_items, codes, np.unique(np.concatenate(codes)) // snapshot.n_items, watched
    )


def user_parts(users: Keys, calibration_share: float, seed: int) -> npt.NDArray[np.int8]:
    """`[n]`: which part each user belongs to, the same in every window and on every night."""
    draw = shares(hashed(users, seed))
    trains = np.where(draw < (1 + calibration_share) / 2, FOLD_A, FOLD_B)
    holds = np.where(draw < calibration_share / 2, CALIBRATION_A, CALIBRATION_B)
    return np.where(draw < calibration_share, holds, trains).astype(np.int8)


def sampled(
    candidates: Candidates,
    positive: Bools,
    shown: Bools,
    part: npt.NDArray[np.int8],
    draw: Hashes,
    negatives: int,
) -> tuple[Bools, npt.NDArray[np.float32]]:
    """What is kept, `[n, c]`, and how many candidates each kept row stands for.

    All of a calibration user's candidates; of the others every positive, all that was `shown` and
    passed over, and `negatives` drawn from the rest.
    """
    there = candidates.items >= 0
    negative = there & ~positive & ~shown
    order = np.argsort(np.where(negative, draw, np.uint64(2**64 - 1)), axis=1, kind="stable")
    place = np.empty(order.shape, np.int64)
    np.put_along_axis(place, order, np.arange(order.shape[1])[None, :], axis=1)
    whole = (part >= CALIBRATION_A)[:, None]
    keep = there & (positive | shown | whole | (place < negatives))
    available = negative.sum(axis=1, keepdims=True)
    kept = (negative & keep).sum(axis=1, keepdims=True)
    weight = np.where(negative, available / np.maximum(kept, 1), 1.0)
    return keep, weight.astype(np.float32)
