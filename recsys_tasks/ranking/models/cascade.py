"""The two-stage cascade of a release: light rankers that cut, out of fold, and heavy ones that
order what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_tasks.arrays import Bool, Float64, Int8, Int64
from recsys_tasks.config import Config
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.impressions import importance, listwise
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A, FOLD_A, FOLD_B
from recsys_tasks.ranking.models.fitting import (
    POINTWISE,
    fit,
    light_loss,
    pointwise,
    scored,
    settings_of,
)
from recsys_tasks.ranking.models.query_groups import group_sizes
from recsys_tasks.ranking.models.rows import Rows

if TYPE_CHECKING:  # imported where it is used: it brings scikit-learn, 3 s that no shard needs
    import lightgbm as lgb


def light_out_of_fold(
    config: Config, data: Examples, part: Int8
) -> tuple[tuple[lgb.Booster, ...], Float64]:
    """The light rankers that serve, and `[rows, objectives]` scores by rankers that never saw the
    row's user.
    """
    columns = [data.names.index(name) for name in data.light_names]
    holds = part >= CALIBRATION_A
    scores = np.empty(data.labels.shape)
    for learn, cut in (
        (part == FOLD_A, part == FOLD_B),
        (part == FOLD_B, part == FOLD_A),
        (~holds, holds),
    ):
        rows = Rows.where(data.X, learn, columns)
        models = tuple(_light(config, data, rows, o) for o in range(len(config.objectives)))
        scores[cut] = scored(config, models, Rows.where(data.X, cut, columns))
    return models, scores


def _light(config: Config, data: Examples, rows: Rows, objective: int) -> lgb.Booster:
    loss = light_loss(config, objective)
    settings = settings_of(config, loss, config.ranker.light_trees, data.light_names)
    return _fitted(config, data, rows, objective, settings)


def heavy(config: Config, data: Examples, rows: Bool, objective: int) -> lgb.Booster:
    """One objective's heavy ranker on the examples where `rows [rows]` is true.

    Its examples are weeks, few of them, and its columns tell items and weeks apart: a tree that
    searches for the best threshold learns which items sold in which week. One threshold drawn a
    feature and node (Geurts, Ernst and Wehenkel 2006, "Extremely randomized trees") leaves it less
    to learn by heart, and `heavy_members` such models together less than one.
    """
    ranker = config.ranker
    loss = pointwise(config, objective) if ranker.loss == "binary" else ranker.loss
    settings = settings_of(config, loss, ranker.heavy_trees, data.names)
    settings["extra_trees"] = ranker.extra_trees
    chosen = Rows.where(data.X, rows)
    return _fitted(config, data, chosen, objective, settings, ranker.heavy_members)


def _fitted(
    config: Config,
    data: Examples,
    rows: Rows,
    objective: int,
    settings: dict[str, Any],
    members: int = 1,
) -> lgb.Booster:
    """One objective's ranker on some rows, with these settings of LightGBM.

    Pointwise, a sampled negative weighs as many as it stands for. Listwise it weighs one: an even
    draw of negatives leaves every pair's order unbiased, while a weight on one side of a pair would
    not.
    """
    pointwise_loss = settings["objective"] in POINTWISE
    train = _each_row if pointwise_loss else _whole_lists
    return train(config, data, rows, objective, settings, members)


def _each_row(
    config: Config,
    data: Examples,
    rows: Rows,
    objective: int,
    settings: dict[str, Any],
    members: int,
) -> lgb.Booster:
    """A row weighs the candidates that it stands for, times its importance."""
    at = rows.rows
    weight = data.weight[at] * importance(config, data.labels[at, objective], data.position[at])
    return fit(settings, rows, data.outcome(at, objective), members=members, weight=weight)


def _whole_lists(
    config: Config,
    data: Examples,
    rows: Rows,
    objective: int,
    settings: dict[str, Any],
    members: int,
) -> lgb.Booster:
    at = lists_with_a_positive(data, rows.rows, objective)
    worth = data.outcome(at, objective) if config.objectives[objective].watch else None
    acted = np.asarray(data.labels[at, objective])
    label, further = listwise(config, acted, data.position[at], data.group[at], worth)
    settings = settings | further.pop("settings", {})
    chosen = Rows(data.X, at, rows.columns)
    sizes = group_sizes(data.group[at])
    return fit(settings, chosen, label, members=members, group=sizes, **further)


def lists_with_a_positive(data: Examples, rows: Int64, objective: int) -> Int64:
    """`[r] int64`: those of the ascending `rows [m]` whose list has a positive among them; another
    list has no pair to learn from.
    """
    group = np.asarray(data.group)[rows]
    taught = np.unique(group[data.labels[rows, objective]])
    return rows[np.isin(group, taught)]
