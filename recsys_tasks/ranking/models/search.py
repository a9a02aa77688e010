"""A search for the heavy ranker's hyper-parameters, within a budget, on label windows only.

Candidates for settings learn from one half of the training users in the older windows, and are
judged by NDCG@10 on the other half in the newest: by other users, at a later time. Neither the
calibration's users nor the gate window is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_tasks.arrays import Bool
from recsys_tasks.config import Config
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.sampling import FOLD_A, FOLD_B
from recsys_tasks.ranking.models.fitting import scored
from recsys_tasks.ranking.models.query_groups import ndcg_at_10
from recsys_tasks.ranking.models.release_summary import objective_weights
from recsys_tasks.ranking.models.rows import Rows
from recsys_tasks.ranking.models.trees import MAX_LEAVES

if TYPE_CHECKING:
    import lightgbm as lgb
    import optuna

Heavy = Callable[[Config, Examples, Bool, int], "lgb.Booster"]

RANGES: dict[str, tuple[float, float]] = {
    "leaves": (7, MAX_LEAVES - 1),
    "learning_rate": (0.02, 0.2),
    "min_leaf_rows": (10, 300),
    "feature_share": (0.3, 1.0),
}
"""What is searched over; the number of trees is not, as every tree costs at night."""


def searched(
    config: Config, data: Examples, keep: Bool, heavy: Heavy
) -> tuple[Config, dict[str, Any]]:
    """The settings to train with, and what the search found; the same settings where
    `ranker.search` is off.

    `keep [rows]`: survivors of the light ranker. The first trial is the settings as they stand, so
    the best is never worse by this measure.
    """
    budget = config.ranker.search
    if not budget.trials:
        return config, {}
    learn, judge = search_split(data, keep)
    if not (data.labels[learn].any(axis=0).all() and data.hits(judge).any()):
        return config, {"search": {"trials": 0, "reason": "needs two label windows with positives"}}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=config.resources.seed)
    )
    study.enqueue_trial({name: getattr(config.ranker, name) for name in RANGES})
    study.optimize(
        lambda t: _value(_drawn(config, t), data, learn, judge, heavy),
        budget.trials,
        budget.seconds,
    )
    found = {
        "trials": len(study.trials),
        "best": study.best_params,
        "ndcg@10": study.best_value,
        "ndcg@10 as set": study.trials[0].value,
    }
    return _with(config, study.best_params), {"search": found}


def search_split(data: Examples, keep: Bool) -> tuple[Bool, Bool]:
    """`[rows]` each: what candidates for settings learn from, and what they are judged by; `keep
    [rows]` as in `searched`.
    """
    part = np.asarray(data.part)
    newest = np.arange(len(part)) < data.facts["windows"][0]["rows"]
    return keep & ~newest & (part == FOLD_A), keep & newest & (part == FOLD_B)


def _drawn(config: Config, trial: optuna.Trial) -> Config:
    values: dict[str, Any] = {}
    for name, (low, high) in RANGES.items():
        mine = getattr(config.ranker, name)
        low, high = min(low, mine), max(high, mine)
        if isinstance(mine, int):
            values[name] = trial.suggest_int(name, int(low), int(high), log=True)
        else:
            values[name] = trial.suggest_float(name, low, high, log=True)
    return _with(config, values)


def _with(config: Config, values: dict[str, Any]) -> Config:
    return config.model_copy(update={"ranker": config.ranker.model_copy(update=values)})


def _value(config: Config, data: Examples, learn: Bool, judge: Bool, heavy: Heavy) -> float:
    models = tuple(heavy(config, data, learn, o) for o in range(len(config.objectives)))
    score = scored(config, models, Rows.where(data.X, judge)) @ objective_weights(config)
    return ndcg_at_10(score, data.hits(judge), data.group[judge], data.item[judge])
