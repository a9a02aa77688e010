"""The models of a release: light rankers that cut, out of fold, and heavy ones that order what is
left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_tasks.config import Config
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.impressions import importance, listwise
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A, FOLD_A, FOLD_B
from recsys_tasks.ranking.models.fitting import (
    POINTWISE,
    Floats,
    fit,
    light_loss,
    pointwise,
    scored,
    settings_of,
)
from recsys_tasks.ranking.models.groups import runs
from recsys_tasks.ranking.models.rows import Rows

if TYPE_CHECKING:  # imported where it is used: it brings scikit-learn, 3 s that no shard needs
    import lightgbm as lgb

Bools = npt.NDArray[np.bool_]


def light_out_of_fold(
    config: Config, data: Examples, part: npt.NDArray[np.int8]
) -> tuple[tuple[lgb.Booster, ...], Floats]:
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
    return _fitted(
        config, data, rows, objective, light_loss(config, objective), config.ranker.light_trees
    )


def heavy(config: Config, data: Examples, rows: Bools, objective: int) -> lgb.Booster:
    """One objective's heavy ranker on these rows.

    Its examples are weeks, few of them, and its columns tell items and weeks apart: a tree that
    searches for the best threshold learns which items sold in which week. One threshold drawn a
    feature and node (Geurts, Ernst and Wehenkel 2006, "Extremely randomized trees") leaves it less
    to learn by heart, and `heavy_members` such models together less than one.
    """
    loss = pointwise(config, objective) if config.ranker.loss == "binary" else config.ranker.loss
    ranker = config.ranker
    further = {"extra_trees": ranker.extra_trees}
    chosen = Rows.where(data.X, rows)
    return _fitted(
        config, data, chosen, objective, loss, ranker.heavy_trees, ranker.heavy_members, **further
    )


def _fitted(
    config: Config,
    data: Examples,
    rows: Rows,
    objective: int,
    loss: str,
    trees: int,
    members: int = 1,
    **further: object,
) -> lgb.Booster:
    """One objective's ranker on some rows; `further`: LightGBM's settings of it alone.

    Pointwise, a sampled negative weighs as many as it stands for. Listwise it weighs one: an even
    draw of negatives leaves every pair's order unbiased, while a weight on one side of a pair would
    not.
    """
    names = data.names if rows.columns is None else data.light_names
    settings = settings_of(config, loss, trees, names) | further
    return (_each_row if loss in POINTWISE else _whole_lists)(
        config, data, rows, objective, settings, members
    )


def _each_row(
    config: Config,
    data: Examples,
    rows: Rows,
    objective: int,
    settings: dict[str, object],
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
    settings: dict[str, object],
    members: int,
) -> lgb.Booster:
    """A list without a positive has no pair to learn from, and is left out."""
    group = np.asarray(data.group)[rows.rows]
    told = np.unique(group[data.labels[rows.rows, objective]])
    at = rows.rows[np.isin(group, told)]
    worth = data.outcome(at, objective) if config.objectives[objective].watch else None
    acted = np.asarray(data.labels[at, objective])
    label, further = listwise(config, acted, data.position[at], data.group[at], worth)
    settings = settings | further.pop("settings", {})
    return fit(
        settings,
        Rows(data.X, at, rows.columns),
        label,
        members=members,
        group=runs(data.group[at]),
        **further,
    )
