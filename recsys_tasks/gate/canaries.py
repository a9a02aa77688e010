"""What evaluation must be able to tell apart: the real lists from shuffled labels, the future,
plain popularity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from recsys_tasks import metrics
from recsys_tasks.gate.evaluate import (
    Catalogue,
    Evaluation,
    ItemSets,
    Truth,
    evaluate,
    item_sets,
    sets_without,
    without,
)
from recsys_tasks.gate.recount import Recount
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Bools, Floats, Ints, Lists

Figures = dict[str, Floats]

SHUFFLES = 8
"""Other users with whose truth each list is compared: with only one, the result would depend much
on chance.
"""


@dataclass(frozen=True)
class Dealt:
    """Lists by the truth of their users, and by that of others: the same users in both."""

    own: Evaluation
    others: Evaluation


@dataclass(frozen=True)
class Canaries:
    """Evaluations of planted systems; None and empty: not made.

    `shuffled`: the challenger's lists by their users' truth and by others'. `earlier`: so the order
    of retrieval, learned and measured one window earlier: whether users of this shop differ at all.
    `future`: the challenger's lists with the truth's items first, as a column that knows the labels
    would order them. `columns`: how well each feature alone orders users' candidates.
    `popularity_overlap`: share of the challenger's places that its users' popular lists have too.
    `recount`: a sample, counted a second time.
    """

    shuffled: Dealt | Evaluation | None = None
    """An evaluation by others' truth alone is compared with the challenger's own."""
    earlier: Dealt | None = None
    future: Evaluation | None = None
    columns: Mapping[str, float] = field(default_factory=dict)
    popularity_overlap: float | None = None
    recount: Recount | None = None


def shuffled_truth(truth: Truth, seed: int) -> Truth:
    """The same sets given to other users: what evaluation must tell from the real truth."""
    return _dealt(truth, _others(truth, seed))


def _others(truth: Truth, seed: int) -> Ints:
    """`[n]`: the row that each row's sets go to; rows without a truth keep theirs."""
    rng = np.random.default_rng([seed, 17])
    some = np.flatnonzero(truth.sizes)
    to = np.arange(len(truth.users))
    # A rotation of a random order: with two users or more, nobody keeps the own set.
    mixed = rng.permutation(some)
    to[mixed] = np.roll(mixed, 1)
    return to


def _dealt(sets: ItemSets, to: Ints) -> ItemSets:
    return item_sets(sets.users, to[sets.rows], sets.items)


def against_others(
    lists: Lists,
    truth: Truth,
    catalogue: Catalogue,
    seed: int,
    k: int = 10,
    *,
    barred: ItemSets | None = None,
) -> Dealt:
    """Lists `[n, places] int32` against the own truth and against other users': each user's figures
    are the mean over `SHUFFLES`.

    `barred` are the items that a rule keeps out of each user's list. What one of the two users has
    had already is left out of the list and of both truths: where nothing may be shown twice, who
    has not had the favourite yet is known of everyone, and would pass for taste.
    """
    deals = [_others(truth, seed * SHUFFLES + number) for number in range(SHUFFLES)]
    shape = evaluate("shuffled labels", lists, _dealt(truth, deals[0]), catalogue=catalogue, k=k)
    if barred is None:
        own = metrics.per_user(lists, truth.offsets, truth.items, k)
        others = [_dealt(truth, to) for to in deals]
        found = [metrics.per_user(lists, other.offsets, other.items, k) for other in others]
        return Dealt(
            replace(shape, system="real labels", per_user=own),
            replace(shape, per_user=_means(found)),
        )
    pairs = [_left(lists, truth, to, barred, k) for to in deals]
    one, two = (_means([pair[side] for pair in pairs]) for side in (0, 1))
    return Dealt(replace(shape, system="real labels", per_user=one), replace(shape, per_user=two))


def _left(
    lists: Lists, truth: Truth, to: Ints, barred: ItemSets, k: int
) -> tuple[Figures, Figures]:
    """Figures by the own truth and by the one dealt, of what neither user has had; NaN where either
    has none left.
    """
    theirs = _dealt(barred, to)
    lists, own, other = (
        without(lists, theirs),
        sets_without(truth, theirs),
        sets_without(_dealt(truth, to), barred),
    )
    both = (own.sizes > 0) & (other.sizes > 0)

    def figures(wanted: Truth) -> Figures:
        found = metrics.per_user(lists, wanted.offsets, wanted.items, k)
        return {name: np.where(both, values, np.nan) for name, values in found.items()}

    return figures(own), figures(other)


def _means(found: Sequence[Figures]) -> Figures:
    return {name: _known_mean([figures[name] for figures in found]) for name in found[0]}


def _known_mean(values: Sequence[Floats]) -> Floats:
    """`[n]`: mean of those that are numbers; NaN where none is."""
    stacked = np.stack(values)
    known = ~np.isnan(stacked)
    total, size = np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0)
    return np.divide(total, size, out=np.full(len(total), np.nan), where=size > 0)


def future_first(lists: Lists, truth: Truth) -> Lists:
    """`[n, k]`: each list with the items of the truth first, else in its own order."""
    hits = metrics.hit_matrix(lists, truth.offsets, truth.items)
    order = np.argsort(~hits, axis=1, kind="stable")
    return np.asarray(np.take_along_axis(lists, order, axis=1))


def overlap(lists: Lists, others: Lists) -> float:
    """Share of all places of `lists [n, k]` whose item the row's other list `[n, j]` has too; NaN
    without places.
    """
    there = lists >= 0
    same = (lists[:, :, None] == others[:, None, :]).any(axis=2) & there
    return float(same.sum() / there.sum()) if there.any() else float("nan")


def column_aucs(
    X: npt.NDArray[np.float32], names: Sequence[str], labels: Bools, group: Keys
) -> dict[str, float]:
    """How well each column alone orders the rows of each user, up or down, in [0.5, 1]; NaN where
    no pair tells.

    `X [rows, f]`, NaN counting as lowest; `labels [rows]`; `group [rows]` is the user. The share of
    pairs of a true and a false row of one user that the column has in the right order, a tie
    counting half.
    """
    values = np.where(np.isnan(X), -np.inf, X).astype(np.float64)
    true = np.asarray(np.bincount(group, weights=labels), np.float64)
    pairs = float((true * (np.bincount(group) - true)).sum())
    if pairs == 0:
        return dict.fromkeys(names, float("nan"))
    found = {
        name: _ordered_pairs(values[:, f], labels, group, true) / pairs
        for f, name in enumerate(names)
    }
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
