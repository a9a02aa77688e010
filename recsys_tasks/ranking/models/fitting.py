"""One LightGBM model: its settings, its training, what it says of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_tasks.arrays import AnyArray, Float64
from recsys_tasks.config import Config
from recsys_tasks.errors import ConfigError, offenders
from recsys_tasks.progress import Progress
from recsys_tasks.ranking.models.ranker import predict_objectives
from recsys_tasks.ranking.models.rows import Rows

if TYPE_CHECKING:  # imported where it is used: it brings scikit-learn, 3 s that no shard needs
    import lightgbm as lgb

POINTWISE = ("binary", "cross_entropy")
"""LightGBM's losses of an outcome that came true or not, and of one that did by a share."""

TRUNCATION = 100
"""Ranks whose order lambdarank cares for: a list's length, more than are looked at first."""

SEARCHING = 8
"""Every n-th tree searches for its best thresholds; the others draw theirs (extra-trees)."""


def settings_of(config: Config, loss: str, trees: int, names: Sequence[str]) -> dict[str, Any]:
    """LightGBM's parameters of a model over the columns `names`."""
    ranker = config.ranker
    settings = {
        "objective": loss,
        "num_iterations": trees,
        "num_leaves": ranker.leaves,
        "learning_rate": ranker.learning_rate,
        "min_data_in_leaf": ranker.min_leaf_rows,
        "feature_fraction": ranker.feature_share,
        "num_threads": config.resources.threads,
        "seed": config.resources.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    if loss == "lambdarank":
        settings["lambdarank_truncation_level"] = TRUNCATION
    if ranker.monotone:
        settings["monotone_constraints"] = [ranker.monotone.get(name, 0) for name in names]
    return settings


def pointwise(config: Config, objective: int) -> str:
    """The loss of a ranker that learns each row by itself."""
    return POINTWISE[config.objectives[objective].watch is not None]


def light_loss(config: Config, objective: int) -> str:
    """The loss of a light ranker: listwise like the heavy one's where it has one plain outcome to
    learn.

    Several objectives are mixed before they are calibrated, which only probabilities can be; and
    how much was watched, or where on a page it was, is for the heavy ranker to weigh.
    """
    plain = (
        len(config.objectives) == 1
        and config.objectives[0].watch is None
        and config.events.impressions is None
    )
    return (
        config.ranker.loss
        if plain and config.ranker.loss not in POINTWISE
        else pointwise(config, objective)
    )


def refuse_unknown_constraints(config: Config, names: Sequence[str]) -> None:
    """Raises ConfigError when `ranker.monotone` names a column that the rankers do not see."""
    unknown = sorted(set(config.ranker.monotone) - set(names))
    if unknown:
        raise ConfigError(
            expected=(
                f"names of the rankers' {len(names)} columns, such as"
                f" {', '.join(map(repr, names[:3]))}"
            ),
            found=f"{len(unknown)} that are none: {offenders(unknown)}",
            where="ranker.monotone",
            remedy=(
                "name columns as docs/how-to/features.md does; release.json lists those of a"
                " release (heavy_names)"
            ),
        )


def fit(
    settings: dict[str, Any], rows: Rows, label: AnyArray, members: int = 1, **fields: Any
) -> lgb.Booster:
    """Train on some rows: the mean of so many `members`, each with its own draws of features and
    thresholds.

    `label [rows]`: truth values, or grades where the settings give gains; `fields`: weight or
    group, as LightGBM takes them.

    Where thresholds are drawn, LightGBM never draws a column's last one, so that a column of two
    positive values would not be used at all: every SEARCHING-th tree searches for its thresholds.
    """
    import lightgbm as lgb

    from recsys_tasks.ranking.models.dataset import dataset
    from recsys_tasks.ranking.models.ensemble import averaged

    done = Progress("training of a ranker", members * settings["num_iterations"], "trees")
    callbacks: list[Any] = [lambda _: done.advance()]
    if settings.get("extra_trees", False):
        callbacks.append(
            lgb.reset_parameter(extra_trees=lambda tree: tree % SEARCHING != SEARCHING - 1)
        )
    table = dataset(rows, label, **fields)
    return averaged(
        [
            lgb.train(settings | draws, table, callbacks=callbacks)
            for draws in _draws(settings, members)
        ]
    )


def _draws(settings: dict[str, Any], members: int) -> list[dict[str, int]]:
    """Each member's seeds of its own. One alone draws as its settings' seed says."""
    if members == 1:
        return [{}]
    seeds = (
        np.random.SeedSequence(settings["seed"]).generate_state(2 * members) >> 1
    )  # they are int32 there
    return [
        {"extra_seed": int(extra), "feature_fraction_seed": int(share)}
        for extra, share in seeds.reshape(members, 2)
    ]


def scored(config: Config, models: tuple[lgb.Booster, ...], rows: Rows) -> Float64:
    """`[rows, objectives]`: what fresh models say of some rows."""
    from recsys_tasks.ranking.models.compile import predictor

    predictors = tuple(predictor(model, config.resources.threads) for model in models)
    return rows.map(lambda batch: predict_objectives(predictors, batch))


def gain_shares(model: lgb.Booster) -> list[float]:
    """Each column's share of the model's gain."""
    gain = model.feature_importance("gain")
    return [round(float(g), 5) for g in gain / max(gain.sum(), 1e-12)]
