"""What evaluation must be able to tell apart: the real lists from shuffled labels, the future, plain popularity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recsys_tasks import metrics
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Bools, Floats, Lists
from recsys_tasks.release.evaluate import Evaluation, Truth, item_sets


@dataclass(frozen=True)
class Canaries:
    """Evaluations of planted systems; None and empty: not made.

    `shuffled`: the challenger's lists against other users' truth. `future`: its lists with the truth's items first, as
    a column that knows the labels would order them. `columns`: how well each feature alone orders users' candidates.
    `popularity_overlap`: share of the challenger's places that its users' popular lists have too.
    """

    shuffled: Evaluation | None = None
    future: Evaluation | None = None
    columns: Mapping[str, float] = field(default_factory=dict)
    popularity_overlap: float | None = None


def shuffled_truth(truth: Truth, seed: int) -> Truth:
    """The same sets given to other users: what evaluation must tell from the real truth."""
    rng = np.random.default_rng([seed, 17])
    some = np.flatnonzero(truth.sizes)
    to = np.arange(len(truth.users))
    # A rotation of a random order: with two users or more, nobody keeps the own set.
    mixed = rng.permutation(some)
    to[mixed] = np.roll(mixed, 1)
    return item_sets(truth.users, to[truth.rows], truth.items)


def future_first(lists: Lists, truth: Truth) -> Lists:
    """`[n, k]`: each list with the items of the truth first, else in its own order."""
    hits = metrics.hit_matrix(lists, truth.offsets, truth.items)
    order = np.argsort(~hits, axis=1, kind="stable")
    return np.asarray(np.take_along_axis(lists, order, axis=1))


def overlap(lists: Lists, others: Lists) -> float:
    """Share of all places whose item the row's other list has too; NaN without places."""
    there = lists >= 0
    same = (lists[:, :, None] == others[:, None, :]).any(axis=2) & there
    return float(same.sum() / there.sum()) if there.any() else float("nan")


def column_aucs(X: npt.NDArray[np.float32], names: Sequence[str], labels: Bools, group: Keys) -> dict[str, float]:
    """How well each column alone orders the rows of each user, up or down, in [0.5, 1]; NaN where no pair tells.

    `X [rows, f]`, NaN counting as lowest; `labels [rows]`; `group [rows]` is the user. The share of pairs of a
    true and a false row of one user that the column has in the right order, a tie counting half.
    """
    values = np.where(np.isnan(X), -np.inf, X).astype(np.float64)
    true = np.asarray(np.bincount(group, weights=labels), np.float64)
    pairs = float((true * (np.bincount(group) - true)).sum())
    if pairs == 0:
        return dict.fromkeys(names, float("nan"))
    found = {name: _ordered_pairs(values[:, f], labels, group, true) / pairs for f, name in enumerate(names)}
    return {name: max(share, 1 - share) for name, share in found.items()}


def _ordered_pairs(values: Floats, labels: Bools, group: Keys, true: Floats) -> float:
    """Mann and Whitney's U, summed over groups."""
    order = np.lexsort((values, group))
    v, g = values[order], group[order]
    starts = np.concatenate([[True], (g[1:] != g[:-1]) | (v[1:] != v[:-1])])
    tie = np.cumsum(starts) - 1
    size = np.bincount(tie)
    mean_place = (np.cumsum(size) - (size + 1) / 2.0)[tie]  # from 0, over all rows
    first = np.searchsorted(g, np.arange(len(true)))
    ranks = mean_place - first[g] + 1
    return float((ranks[labels[order]]).sum() - (true * (true + 1) / 2).sum())
