"""Faults planted into a night's training, inside the process that runs the real DAG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.pipeline import Night
from recsys_tasks.ranking import matrix, ranker
from recsys_tasks.ranking.calibrate import Calibration
from recsys_tasks.ranking.examples import Examples

Plant = Callable[[pytest.MonkeyPatch, Night], None]


def nothing(patch: pytest.MonkeyPatch, night: Night) -> None:
    """An honest training."""


def _labels(change: Callable[[Examples], Any]) -> Plant:
    def plant(patch: pytest.MonkeyPatch, night: Night) -> None:
        opened = ranker.Examples.open

        class Changed:
            @staticmethod
            def open(artifact: Any) -> Examples:
                data = opened(artifact)
                return replace(data, labels=np.asarray(change(data)))

        patch.setattr(ranker, "Examples", Changed)

    return plant


def _column(data: Examples, name: str) -> Any:
    return np.asarray(data.X[:, data.names.index(name)])


guesses = _labels(lambda data: np.random.default_rng(5).permutation(data.labels))
"""Labels dealt out at random: a champion that anything beats."""


def _in_band(data: Examples) -> Any:
    """`[n, 1]`: rows of users with 5 to 19 events; the column is ln(1 + events)."""
    events = _column(data, "user_events")
    return ((events >= np.log(5.5)) & (events < np.log(20.5)))[:, None]


fails_one_band = _labels(lambda data: data.labels ^ _in_band(data))
"""Right for most users, upside down for those with 5 to 19 events."""

fails_other_bands = _labels(lambda data: data.labels ^ ~_in_band(data))
"""Right for users with 5 to 19 events, upside down for all others."""

popularity = _labels(lambda data: np.tile(_column(data, "segment_popular_rank")[:, None] < 10, data.labels.shape[1]))
"""Taught to show what is popular in the segment, whatever users did."""


def _curves(change: Callable[[float], float]) -> Plant:
    def plant(patch: pytest.MonkeyPatch, night: Night) -> None:
        fit = ranker.fit_calibration

        def broken(*arguments: Any) -> Calibration:
            curve = fit(*arguments)
            return replace(curve, probability=tuple(map(change, curve.probability)))

        patch.setattr(ranker, "fit_calibration", broken)

    return plant


overconfident = _curves(lambda probability: probability**0.3)
"""The same order, but chances that are far too high."""

not_a_number = _curves(lambda probability: float("nan"))


def next_week(patch: pytest.MonkeyPatch, night: Night) -> None:
    """A feature that looks at the week after the cutoff, in training and in serving alike."""
    snapshot = night.snapshot

    def fill(rows: Any, out: Any) -> None:
        start = rows.block.inputs.cutoffs.history
        events = snapshot.events().between(start, start + 7 * DAY_SECONDS)
        happened = events.user.astype(np.int64) * snapshot.n_items + events.item
        out[:, 0] = np.isin(rows.users.astype(np.int64) * snapshot.n_items + rows.items, happened)

    patch.setitem(matrix._GROUPS, "leak", matrix._Group(lambda inputs: ["next_week"], fill))
