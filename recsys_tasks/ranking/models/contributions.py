"""Why the heavy ranker scored as it did: SHAP values, which LightGBM computes exactly for its own
trees.

Lundberg et al., "From local explanations to global understanding with explainable AI for trees"
(2020). A row's contributions and the base value sum to its raw score.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_tasks.arrays import Float32, Float64
from recsys_tasks.lake import Artifact

if TYPE_CHECKING:
    import lightgbm as lgb


def boosters(release: Artifact, stage: str) -> list[lgb.Booster]:
    """A release's models of a stage, light or heavy, one an objective. Raises ArtifactError when a
    file is missing.
    """
    import lightgbm as lgb

    facts = json.loads(release.file("release.json").read_text())
    names = [objective["name"] for objective in facts["objectives"]]
    return [lgb.Booster(model_file=str(release.file(f"{stage}.{name}.txt"))) for name in names]


def contributions(
    models: Sequence[lgb.Booster], shares: Iterable[float], X: Float32, threads: int
) -> Float64:
    """`[rows, f]`: each column's contribution to the objectives' raw scores, mixed by `shares`,
    without the base.
    """
    mixed = np.zeros(X.shape)
    for model, share in zip(models, shares, strict=True):
        mixed += (
            share * np.asarray(model.predict(X, pred_contrib=True, num_threads=threads))[:, :-1]
        )
    return mixed


def strongest(names: Sequence[str], row: Float64, n: int) -> list[tuple[str, float]]:
    """The n columns that moved one score most, `row [f]`, the strongest first; columns that moved
    nothing are not.
    """
    order = np.argsort(-np.abs(row), kind="stable")[:n]
    return [(names[at], float(row[at])) for at in order if row[at] != 0]


def mean_strength(names: Sequence[str], values: Float64) -> Mapping[str, float]:
    """Column → mean absolute contribution over rows, `values [rows, f]`, the strongest first."""
    mean = np.abs(values).mean(axis=0) if len(values) else np.zeros(len(names))
    return {names[at]: float(mean[at]) for at in np.argsort(-mean, kind="stable")}
