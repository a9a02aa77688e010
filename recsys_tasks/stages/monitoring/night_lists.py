"""The lists of one night, as its plan and its shards in the lake have them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.lake.keys import ListsKey, NightKey
from recsys_tasks.metrics import Floats
from recsys_tasks.schema import RUNGS
from recsys_tasks.serving.precompute import list_batches
from recsys_tasks.stages.plan import Plan, plan_of

Lists = npt.NDArray[np.int32]
_RANKED = (RUNGS.index("heavy"), RUNGS.index("light"))


@dataclass(frozen=True)
class NightLists:
    """The lists of the night that has this plan, read under tonight's settings.

    Reading raises ArtifactError where retention removed the lists, or the night never finished.
    """

    config: Config
    lake: Lake
    plan: Artifact

    @property
    def as_of(self) -> date:
        """Date of the night."""
        return NightKey.parse(self.plan.key).night

    @property
    def cutoffs(self) -> Cutoffs:
        """The cutoffs that its lists were made at."""
        return Cutoffs.at(self.as_of, self.config.learning_lag_days)

    @cached_property
    def planned(self) -> Plan:
        """The content of its plan."""
        return plan_of(self.plan)

    def before(self) -> NightLists | None:
        """Those of the newest earlier night within a week that has a plan."""
        earlier = (self.days_before(days) for days in range(1, 8))
        return next((night for night in earlier if night is not None), None)

    def days_before(self, days: int) -> NightLists | None:
        """Those of the night so many days before; None where it has no plan."""
        day = self.as_of - timedelta(days=days)
        plan = self.lake.newest("plan", str(NightKey(day)))
        return NightLists(self.config, self.lake, plan) if plan is not None else None

    def read(self) -> tuple[Keys, Lists, npt.NDArray[np.int8]]:
        """(users `[n] int32`, lists `[n, k] int32`, rungs `[n] int8`); -1 at the end of a short
        list.
        """
        shards, k = self._shards(), self.config.serving.k
        n = sum(artifact.rows for artifact in shards)
        users, rungs = np.empty(n, np.int32), np.empty(n, np.int8)
        lists = np.full((n, k), -1, np.int32)
        at = 0
        for artifact in shards:
            for batch in list_batches(artifact, ["user_key", "items", "rung"]):
                rows = slice(at, at + batch.num_rows)
                users[rows], rungs[rows] = batch["user_key"].to_numpy(), batch["rung"].to_numpy()
                _fill(lists[rows], batch["items"])
                at += batch.num_rows
        return users, lists, rungs

    def reasons(self) -> npt.NDArray[np.int8]:
        """`[n, k] int8`: index into schema.REASONS of each place, in the order of `read`; 0 at the
        end of a short list.
        """
        shards, k = self._shards(), self.config.serving.k
        reasons = np.zeros((sum(artifact.rows for artifact in shards), k), np.int8)
        at = 0
        for artifact in shards:
            for batch in list_batches(artifact, ["reasons"]):
                _fill(reasons[at : at + batch.num_rows], batch["reasons"])
                at += batch.num_rows
        return reasons

    def chances(self) -> npt.NDArray[np.float32]:
        """`[n, k]`: scores of the places, in the order of `read`; NaN where a score is no chance:
        not by a ranker, of an item that the ranker was not asked about, past a short list's end.
        """
        shards, k = self._shards(), self.config.serving.k
        chances = np.full((sum(artifact.rows for artifact in shards), k), np.nan, np.float32)
        at = 0
        for artifact in shards:
            for batch in list_batches(artifact, ["rung", "scores", "ranks_before"]):
                rows = chances[at : at + batch.num_rows]
                _fill(rows, batch["scores"])
                ranks = np.zeros(rows.shape, np.int16)
                _fill(ranks, batch["ranks_before"])
                rows[(ranks == 0) | ~np.isin(batch["rung"], _RANKED)[:, None]] = np.nan
                at += batch.num_rows
        return chances

    def scores(self) -> Floats:
        """`[p] float64`: scores of all places, NaN where a place has none."""
        parts = [
            batch["scores"].flatten().to_numpy(zero_copy_only=False)
            for artifact in self._shards()
            for batch in list_batches(artifact, ["scores"])
        ]
        return np.concatenate([np.zeros(0), *parts])

    def _shards(self) -> list[Artifact]:
        token = self.planned.token
        shards = range(self.config.serving.shards)
        return [self.lake.require("lists", str(ListsKey(token, shard))) for shard in shards]


def _fill(matrix: npt.NDArray[Any], lists: Any) -> None:
    """Write the first k entries of an Arrow column of lists into `matrix [n, k]`; what a short list
    lacks stays.
    """
    offsets, places = lists.offsets.to_numpy(), np.arange(matrix.shape[1])
    there = places < np.diff(offsets)[:, None]
    matrix[there] = lists.values.to_numpy()[(offsets[:-1, None] + places)[there]]
