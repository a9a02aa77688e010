"""A release tried on the users who were held out of its training: learning curves, and rows to
explain. Curves show whether more trees or more users would still help, by NDCG@10.

Both curves are of the release's own models: the steps curve stops them early, the size curve trains
the light ranker again, with the very settings its file carries, on a share of its users. Each ends
at what release.json says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Float64, Int64
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A
from recsys_tasks.ranking.models.contributions import boosters
from recsys_tasks.ranking.models.fitting import POINTWISE
from recsys_tasks.ranking.models.query_groups import group_sizes, ndcg_at_10, surviving

if TYPE_CHECKING:
    import lightgbm as lgb

STEP = 10
"""Trees between two points of the steps curve."""
SHARES = (0.125, 0.25, 0.5, 1.0)
"""Shares of the training users at which the size curve is measured."""
MAX_ROWS = 2_000_000
"""Rows that the size curve trains on at most: users are drawn until they have so many."""


class HeldOut:
    """A release, and the held-out users with all their candidates, to measure it on."""

    def __init__(
        self, examples: Artifact, release: Artifact, light_survivors: int, threads: int, seed: int
    ) -> None:
        self.facts: dict[str, Any] = json.loads(release.file("release.json").read_text())
        self.data = Examples.open(examples)
        self._release, self._survivors, self._seed = release, light_survivors, seed
        self.threads = threads
        self.shares = np.array([objective["weight"] for objective in self.facts["objectives"]])
        self.rows = np.flatnonzero(np.asarray(self.data.part) >= CALIBRATION_A)

    def names(self, stage: str) -> tuple[str, ...]:
        """Columns of a stage's models."""
        return tuple(self.facts[f"{stage}_names"])

    def models(self, stage: str) -> list[lgb.Booster]:
        """A stage's models, one an objective."""
        return boosters(self._release, stage)

    def matrix(self, stage: str, rows: Int64) -> Float32:
        """`[rows, f]` of a stage's columns."""
        columns = [self.data.names.index(name) for name in self.names(stage)]
        return np.ascontiguousarray(self.data.X[rows][:, columns])

    def ndcg(self, scores: Float64) -> float:
        """NDCG@10 of the held-out users when their candidates are ordered by `scores [rows]`, a
        score for each of `self.rows`.
        """
        data, rows = self.data, self.rows
        return ndcg_at_10(scores, data.hits(rows), data.group[rows], data.item[rows])

    # --- the curves -------------------------------------------------------------------------------

    def steps(self, stage: str, step: int = STEP) -> list[tuple[int, float]]:
        """(trees, NDCG@10) as trees are added; the heavy ranker orders what the light one passes
        on.
        """
        models = self.models(stage)
        judged = self._judged(stage)
        X = self.matrix(stage, self.rows[judged])
        margins = np.zeros((len(X), len(models)))
        longest = max((model.num_trees() for model in models), default=0)
        points = []
        for start in range(0, longest, step):
            for column, model in enumerate(models):
                margins[:, column] += self._margin(model, X, start, step)
            scores = np.full(len(self.rows), -np.inf)
            scores[judged] = _as_scores(models, margins) @ self.shares
            points.append((min(start + step, longest), self.ndcg(scores)))
        return points

    def sizes(self, shares: Sequence[float] = SHARES) -> list[tuple[int, float]]:
        """(users, NDCG@10) of the light ranker trained on growing shares of its users."""
        trains = np.flatnonzero(np.asarray(self.data.part) < CALIBRATION_A)
        users = np.unique(self.data.user[trains])
        drawn = np.random.default_rng([self._seed, 23]).permutation(users)
        drawn = drawn[: max(1, int(len(drawn) * min(1.0, MAX_ROWS / max(len(trains), 1))))]
        models, X = self.models("light"), self.matrix("light", self.rows)
        points = []
        for share in shares:
            chosen = drawn[: max(1, round(len(drawn) * share))]
            rows = trains[np.isin(self.data.user[trains], chosen)]
            again = [
                self._trained(model, rows, objective) for objective, model in enumerate(models)
            ]
            margins = np.column_stack(
                [self._margin(model, X, 0, model.num_trees()) for model in again]
            )
            points.append((len(chosen), self.ndcg(_as_scores(models, margins) @ self.shares)))
        return points

    def sample(self, limit: int) -> Int64:
        """`[limit] int64`, fewer where there are fewer: rows that the heavy ranker would be asked
        about, evenly drawn, ascending.
        """
        rows = self.rows[self._judged("heavy")]
        drawn = np.random.default_rng([self._seed, 29]).choice(
            rows, min(limit, len(rows)), replace=False
        )
        return np.sort(drawn)

    # --- small things -----------------------------------------------------------------------------

    def _judged(self, stage: str) -> Bool:
        """`[held-out rows]`: what a stage is asked about."""
        if stage == "light" or "light" not in self.facts["models"]:
            return np.ones(len(self.rows), bool)
        models, X = self.models("light"), self.matrix("light", self.rows)
        margins = np.column_stack(
            [self._margin(model, X, 0, model.num_trees()) for model in models]
        )
        cut, data, rows = _as_scores(models, margins) @ self.shares, self.data, self.rows
        return surviving(cut, data.group[rows], data.weight[rows], data.item[rows], self._survivors)

    def _margin(self, model: lgb.Booster, X: Float32, start: int, trees: int) -> Float64:
        if start >= model.num_trees():
            return np.zeros(len(X))
        found = model.predict(
            X, start_iteration=start, num_iteration=trees, raw_score=True, num_threads=self.threads
        )
        return np.asarray(found, np.float64)

    def _trained(self, like: lgb.Booster, rows: Int64, objective: int) -> lgb.Booster:
        """A model with another one's settings, on some rows."""
        import lightgbm as lgb

        settings = {**like.params, "num_threads": self.threads, "verbose": -1}
        whole_lists = settings["objective"] not in POINTWISE
        if whole_lists:  # one without a positive teaches nothing
            group = self.data.group[rows]
            rows = rows[np.isin(group, np.unique(group[self.data.labels[rows, objective]]))]
        trees = int(settings.pop("num_iterations", like.num_trees()))
        label = self.data.outcome(rows, objective).astype(np.float32)
        fields = (
            {"group": group_sizes(self.data.group[rows])}
            if whole_lists
            else {"weight": self.data.weight[rows]}
        )
        data = lgb.Dataset(self.matrix("light", rows), label, params={"verbose": -1}, **fields)
        return lgb.train(settings, data, num_boost_round=trees)


def _as_scores(models: Sequence[lgb.Booster], margins: Float64) -> Float64:
    """Margins as the models give them: a probability for a pointwise model."""
    binary = np.array([model.params["objective"] in POINTWISE for model in models])
    return np.where(binary, 1.0 / (1.0 + np.exp(-margins)), margins)
