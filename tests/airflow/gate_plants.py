"""Faults planted into a night's training, inside the process that runs the real DAG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsys_tasks.clock import DAY_SECONDS, Cutoffs
from recsys_tasks.extensions import Found
from recsys_tasks.features.build import build_features
from recsys_tasks.features.tables import FeatureTables
from recsys_tasks.gate.evaluate import Truth, item_sets, truth_between
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.columns import COLUMN_GROUPS
from recsys_tasks.ranking.columns.base import Columns
from recsys_tasks.ranking.examples import build as examples
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.labels import window_labels
from recsys_tasks.ranking.examples.watch_time import fulfilling
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.lists.recommender import RankedLists, Recommender
from recsys_tasks.ranking.models import train
from recsys_tasks.ranking.models.calibrate import Calibration, fit_calibration
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events
from recsys_tasks.stages import Night
from recsys_tasks.stages.inputs import open_inputs
from recsys_tasks.stages.judging import canaries, measure, window

Plant = Callable[[pytest.MonkeyPatch, Night], None]


def nothing(patch: pytest.MonkeyPatch, night: Night) -> None:
    """An honest training."""


def _labels(change: Callable[[Examples], Any]) -> Plant:
    def plant(patch: pytest.MonkeyPatch, night: Night) -> None:
        opened = Examples.open

        class Changed:
            @staticmethod
            def open(artifact: Any) -> Examples:
                data = opened(artifact)
                return replace(data, labels=np.asarray(change(data)))

        patch.setattr(train, "Examples", Changed)

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

popularity = _labels(
    lambda data: np.tile(_column(data, "segment_popular_rank")[:, None] < 10, data.labels.shape[1])
)
"""Taught to show what is popular in the segment, whatever users did."""


def _curves(change: Callable[[float], float]) -> Plant:
    def plant(patch: pytest.MonkeyPatch, night: Night) -> None:
        def broken(*arguments: Any) -> Calibration:
            curve = fit_calibration(*arguments)
            return replace(curve, probability=tuple(map(change, curve.probability)))

        patch.setattr(train, "fit_calibration", broken)

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

    leak = Columns("leak", 1000, lambda inputs: ["next_week"], fill)
    patch.setitem(COLUMN_GROUPS.found, "leak", Found(leak, __name__))


# --- evaluations that are broken ----------------------------------------------------------------


def _moved(truth: Truth) -> Truth:
    """Each user's set is the next user's."""
    return item_sets(truth.users, (truth.rows + 1) % len(truth.users), truth.items)


def truth_of_the_next_user(patch: pytest.MonkeyPatch, night: Night) -> None:
    """The join of events and users is off by one row, wherever the judge makes it."""
    for module in (window, canaries):
        patch.setattr(module, "truth_between", lambda *asked: _moved(truth_between(*asked)))


def keys_of_the_next_user(patch: pytest.MonkeyPatch, night: Night) -> None:
    """The events of a window come with other users' keys, as after a wrong join on read."""

    def wrong(snapshot: Snapshot, happened: Events) -> Events:
        events = fulfilling(snapshot, happened)
        return replace(events, user=((events.user + 1) % snapshot.n_users).astype(np.int32))

    for module in (window, canaries):
        patch.setattr(module, "fulfilling", wrong)


def ids_of_the_next_user(patch: pytest.MonkeyPatch, night: Night) -> None:
    """The keys of the users table no longer mean the ids that they meant when events were keyed."""
    users = night.snapshot.users
    patch.setitem(
        vars(night.snapshot), "users", users.assign(user_id=np.roll(users["user_id"].to_numpy(), 1))
    )


def _lists(change: Callable[[RankedLists], RankedLists]) -> Plant:
    def plant(patch: pytest.MonkeyPatch, night: Night) -> None:
        right = Recommender.recommend

        def wrong(self: Recommender, users: Keys, k: int, *, eligible: Any = None) -> RankedLists:
            return change(right(self, users, k, eligible=eligible))

        patch.setattr(Recommender, "recommend", wrong)

    return plant


def _repeated(ranked: RankedLists) -> RankedLists:
    first = {
        name: np.repeat(getattr(ranked, name)[:1], len(ranked.users), axis=0)
        for name in ("items", "scores")
    }
    return replace(ranked, **first)


def _rolled(ranked: RankedLists) -> RankedLists:
    return replace(
        ranked, items=np.roll(ranked.items, 1, axis=0), scores=np.roll(ranked.scores, 1, axis=0)
    )


one_list_for_all = _lists(_repeated)
"""Everyone of a block is measured by its first user's list."""

list_of_the_user_before = _lists(_rolled)
"""Everyone is measured by the list of the user before."""


def a_list_without_users(patch: pytest.MonkeyPatch, night: Night) -> None:
    """The first list ever made is everyone's, also where a user is asked for alone."""
    made: dict[tuple[str, int], RankedLists] = {}

    def first(self: Recommender, ranked: RankedLists, k: int) -> RankedLists:
        kept = made.setdefault((self.rung, k), ranked)
        same = {
            n: np.repeat(getattr(kept, n)[:1], len(ranked.users), axis=0)
            for n in ("items", "scores")
        }
        return replace(ranked, **same)

    right = Recommender.recommend
    patch.setattr(
        Recommender,
        "recommend",
        lambda self, users, k, *, eligible=None: first(
            self, right(self, users, k, eligible=eligible), k
        ),
    )


def labels_up_to_tonight(patch: pytest.MonkeyPatch, night: Night) -> None:
    """Every label window ends with the gate's: what is judged was learned."""
    patch.setattr(
        examples,
        "window_labels",
        lambda shop, since, before: window_labels(shop, since, night.as_of),
    )


def features_of_tonight(patch: pytest.MonkeyPatch, night: Night) -> None:
    """What features know of users and items ends with the window instead of before it."""
    tonight = FeatureTables.open(build_features(night.snapshot, night.tonight))

    def wrong(asked: Snapshot, lineage: str, cutoffs: Cutoffs) -> RankingInputs:
        inputs = open_inputs(asked, lineage, cutoffs)
        return replace(inputs, tables=tonight) if cutoffs == night.gate else inputs

    patch.setattr(measure, "open_inputs", wrong)
