"""The evaluations behind a decision as plain values: for the run report, MLflow and whoever asks a
year later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.gate.bootstrap import paired_bootstrap
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.metrics import Floats

HEADLINE = ("ndcg@10", "hr@10", "recall@10", "map@10", "mrr@10", "discovery/ndcg@10")
"""Metrics that get intervals."""


def all_figures(
    systems: Mapping[str, Evaluation], columns: Mapping[str, float], rules: GateConfig, seed: int
) -> dict[str, Any]:
    """Ready for JSON: every system's measures, intervals and curves, and the challenger against
    each other one.

    `systems` by role (`challenger`, `champion`, `popularity`, `anchor`; the first is required);
    `columns` are the AUCs of single features. Numbers that are not finite become None.
    """
    ours = systems["challenger"]
    return {
        "metric": rules.metric,
        "level": round(2 * rules.confidence - 1, 6),
        "systems": {role: _system(system, rules, seed) for role, system in systems.items()},
        "against": {
            role: {
                name: _change(ours, other, name, rules, seed)
                for name in HEADLINE
                if name in other.per_user
            }
            for role, other in systems.items()
            if role != "challenger"
        },
        "columns": {
            name: _finite(auc) for name, auc in sorted(columns.items(), key=lambda c: -c[1])
        },
    }


def curves(evaluation: Evaluation) -> dict[str, list[tuple[int, float]]]:
    """Curves as (step, value) pairs, which MLflow draws: the popularity-bias curve and the
    reliability of scores.

    `bias_curve`: items that make so many percent of all places. `reliability_*`: by bin of the
    scores.
    """
    found = {
        "bias_curve": [(percent, float(items)) for percent, items in evaluation.bias_curve.items()]
    }
    for place, name in enumerate(("reliability_score", "reliability_outcome")):
        found[name] = [(bin_, float(row[place])) for bin_, row in enumerate(evaluation.reliability)]
    return found


def mean_interval(values: Floats, rules: GateConfig, seed: int) -> tuple[float, float]:
    """Bootstrap interval of the mean of `values [n] float64` over users with a truth (NaN: none);
    (NaN, NaN) without any.
    """
    drawn = paired_bootstrap(
        values, np.where(np.isnan(values), np.nan, 0.0), rules.bootstrap_samples, seed
    )
    if drawn.users == 0:
        return math.nan, math.nan
    low, high = np.quantile(drawn.gains / drawn.users, [1 - rules.confidence, rules.confidence])
    return float(low), float(high)


def _system(system: Evaluation, rules: GateConfig, seed: int) -> dict[str, Any]:
    means = system.slice_means(rules.metric)
    return {
        "system": system.system,
        "summary": {name: _finite(value) for name, value in system.summary.items()},
        "intervals": {
            name: [_finite(v) for v in mean_interval(system.per_user[name], rules, seed)]
            for name in HEADLINE
            if name in system.per_user
        },
        "slices": {
            name: {"users": users, "mean": _finite(mean), **_interval(system, name, rules, seed)}
            for name, (users, mean) in means.items()
        },
        "bias_curve": {str(percent): items for percent, items in system.bias_curve.items()},
        "reliability": [list(row) for row in system.reliability],
    }


def _interval(
    system: Evaluation, group: str, rules: GateConfig, seed: int
) -> dict[str, float | None]:
    values = system.per_user[rules.metric][system.slices[group]]
    low, high = mean_interval(values, rules, seed)
    return {"low": _finite(low), "high": _finite(high)}


def _change(
    ours: Evaluation, other: Evaluation, name: str, rules: GateConfig, seed: int
) -> dict[str, float | None]:
    drawn = paired_bootstrap(
        ours.per_user[name], other.per_user[name], rules.bootstrap_samples, seed
    )
    low, high = drawn.interval(2 * rules.confidence - 1)
    return {"change": _finite(drawn.relative), "low": _finite(low), "high": _finite(high)}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
