"""Logged impressions: what users saw and passed over, and the weights that undo the bias of the
position it was seen at.

An item low on a page is acted on less because fewer people look there. What was acted on therefore
weighs the inverse of the chance that its position was looked at, and the expected training loss is
that of a page read to its end (Joachims et al. 2017, "Unbiased learning-to-rank with biased
feedback"). Listwise, the inverse is the row's gain, so that both sides of a pair feel it (Agarwal
et al. 2019, "A general framework for counterfactual LTR").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np

from recsys_tasks.arrays import AnyArray, AnyInt, Bool, Float64, Int16, Int64, PairIndex
from recsys_tasks.clock import start_of
from recsys_tasks.config import Config
from recsys_tasks.snapshot.dataset import Snapshot

WORTH_STEPS = 20
"""Listwise, what a row is worth is told apart by this many steps: each is a gain of its own."""


@dataclass(frozen=True)
class ShownPairs:
    """Distinct pairs shown, as sorted codes user * n_items + item, and the highest position, from
    1, that each was shown at.
    """

    codes: Int64
    position: Int16

    @classmethod
    def of(cls, snapshot: Snapshot, since: date, before: date) -> Self:
        """What was shown in the half-open days [since, before); an impression of unknown
        position is none.
        """
        if snapshot.config.events.impressions is None:
            return cls(np.empty(0, np.int64), np.empty(0, np.int16))
        table = snapshot.impressions(since, before)
        column = {name: table[name].to_numpy() for name in table.column_names}
        good = (
            (column["ts"] >= start_of(since))
            & (column["ts"] < start_of(before))
            & (column["position"] >= 1)
        )
        codes = (
            column["user_key"][good].astype(np.int64) * snapshot.n_items + column["item_key"][good]
        )
        position = np.minimum(column["position"][good], np.iinfo(np.int16).max).astype(np.int16)
        order = np.lexsort((position, codes))
        codes, first = np.unique(codes[order], return_index=True)
        return cls(codes, position[order][first])

    def positions(self, codes: Int64) -> Int16:
        """`[...] int16`: positions of the pairs `codes [...]`, 0 where they were not shown."""
        return PairIndex(self.codes).look_up(codes, self.position, 0)


def importance(config: Config, label: Bool, position: Int16) -> Float64:
    """`[rows]`: 1 / P(looked at) of what was acted on where it was shown, at most `max_weight`; 1
    elsewhere.
    """
    shown = config.events.impressions
    if shown is None:
        return np.ones(len(label))
    inverse = np.maximum(position, 1).astype(np.float64) ** shown.examination_power
    return np.where(label, np.minimum(inverse, shown.max_weight), 1.0)


def listwise(
    config: Config,
    label: Bool,
    position: Int16,
    group: AnyInt,
    worth: AnyArray | None = None,
) -> tuple[AnyArray, dict[str, Any]]:
    """`[rows]` labels of a listwise ranker, and what else it is trained with: `settings` of gains,
    and `weight`.

    Gains are 0, or the importance times what the row is worth, in steps. LightGBM divides each
    list's lambdas by its ideal gain, which would undo them, so every row of a list (both sides of
    all its pairs alike) weighs the ideal gain.
    """
    if config.events.impressions is None and worth is None:
        return label, {}
    steps = 1.0 if worth is None else np.maximum(np.rint(worth * WORTH_STEPS), 1.0) / WORTH_STEPS
    gain = np.where(label, importance(config, label, position) * steps, 0.0)
    gains = np.unique(gain[label])
    starts = np.flatnonzero(np.diff(group, prepend=group[:1] - 1))
    lengths = np.diff(np.append(starts, len(group)))
    rank = np.arange(len(group)) - np.repeat(starts, lengths)
    best_first = np.lexsort((-gain, np.repeat(np.arange(len(starts)), lengths)))
    ideal = np.add.reduceat(gain[best_first] / np.log2(rank + 2.0), starts)
    weight = np.repeat(ideal / ideal.mean(), lengths)
    grade = np.where(label, np.searchsorted(gains, gain) + 1, 0)
    return grade, {"settings": {"label_gain": [0.0, *gains.tolist()]}, "weight": weight}
