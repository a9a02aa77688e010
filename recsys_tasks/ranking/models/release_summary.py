"""What a release says of itself: objectives, what was lacking, how held-out users' lists come
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys_tasks.arrays import Bool, Float64
from recsys_tasks.config import Config
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A
from recsys_tasks.ranking.models.query_groups import ndcg_at_10
from recsys_tasks.ranking.models.rows import Rows

MIN_GROUPS = 50
"""Fewest users-in-a-window with a positive, for each objective, that a ranker is trained on."""


def objective_shares(config: Config) -> list[dict[str, Any]]:
    """Each objective's name and its share in the final score; shares sum to 1."""
    total = sum(objective.weight for objective in config.objectives)
    return [
        {"name": objective.name, "weight": objective.weight / total}
        for objective in config.objectives
    ]


def objective_weights(config: Config) -> Float64:
    """`[objectives]`: the shares alone."""
    return np.array([share["weight"] for share in objective_shares(config)])


def why_untrained(config: Config, data: Examples) -> str | None:
    """Why no ranker can be trained, or None."""
    if config.ranker.mode == "none":
        return "ranker.mode is none"
    if not data.facts["label_cutoffs"]:
        return "no label window has min_history_days of data before it"
    trains = data.part < CALIBRATION_A
    for o, objective in enumerate(config.objectives):
        groups = len(np.unique(data.group[trains & data.labels[:, o]]))
        if groups < MIN_GROUPS:
            return (
                f"objective {objective.name}: {groups} users with a positive candidate, fewer than"
                f" {MIN_GROUPS}"
            )
    return None


def held_out_ndcg(
    config: Config, data: Examples, raw: Mapping[str, Float64], judged: Mapping[str, Bool]
) -> dict[str, float]:
    """NDCG@10 of the calibration users' candidates in each order: the fused one, and each stage's.

    `judged`: stage → `[rows] bool`, what it was asked about; `raw`: stage → `[judged, objectives]`,
    what it said of that.
    """
    holds = np.asarray(data.part) >= CALIBRATION_A
    fused = Rows.where(data.X, holds, [data.names.index("fused_rank")]).map(
        lambda batch: batch[:, 0]
    )
    scores = {"fused": -fused.astype(float)}
    for stage, values in raw.items():
        scores[stage] = np.full(int(holds.sum()), -np.inf)
        scores[stage][judged[stage][holds]] = values @ objective_weights(config)
    labels = data.hits(holds)
    return {
        stage: ndcg_at_10(s, labels, data.group[holds], data.item[holds])
        for stage, s in scores.items()
    }


def importances(
    config: Config, data: Examples, gains: Mapping[str, Sequence[Sequence[float]]]
) -> dict[str, Any]:
    """Stage → objective → column → share of the model's gain."""
    names = {"light": data.light_names, "heavy": data.names}
    return {
        stage: {
            objective.name: dict(zip(names[stage], shares_of_gain, strict=True))
            for objective, shares_of_gain in zip(config.objectives, some, strict=True)
        }
        for stage, some in gains.items()
    }
