"""Evaluations of planted systems, by which the gate tests the evaluation itself: shuffled labels,
lists that know the future, plain popularity.
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
class OwnAndOthers:
    """The same lists measured with their users' own truth, and with the truth of other users."""

    own: Evaluation
    others: Evaluation


@dataclass(frozen=True)
class Canaries:
    """Evaluations of planted systems; None and empty: not made.

    `shuffled`: the challenger's lists, measured with their users' truth and with others'.
    `earlier`: the same of the order of retrieval, learned and measured one window earlier; it shows
    whether the users of this shop differ at all. `future`: the challenger's lists with the truth's
    items first, as a column that knows the labels would order them. `columns`: how well each
    feature alone orders users' candidates. `popularity_overlap`: share of the challenger's places
    whose item is in the popular list of the same user. `recount`: a sample, counted a second time.
    """

    shuffled: OwnAndOthers | Evaluation | None = None
    """An `Evaluation` has the figures with others' truth only; the challenger's own are compared.
    """
    earlier: OwnAndOthers | None = None
    future: Evaluation | None = None
    columns: Mapping[str, float] = field(default_factory=dict)
    popularity_overlap: float | None = None
    recount: Recount | None = None


def shuffled_truth(truth: Truth, seed: int) -> Truth:
    """The truth with its sets given to other users, which an evaluation must find worse."""
    return _reassigned(truth, _others(truth, seed))


def _others(truth: Truth, seed: int) -> Ints:
    """`[n]`: for each row, the row that gets its set; a row without truth keeps its own."""
    rng = np.random.default_rng([seed, 17])
    some = np.flatnonzero(truth.sizes)
    to = np.arange(len(truth.users))
    # Rotate a random order by one: with two users or more, nobody keeps the own set.
    mixed = rng.permutation(some)
    to[mixed] = np.roll(mixed, 1)
    return to


def _reassigned(sets: ItemSets, to: Ints) -> ItemSets:
    return item_sets(sets.users, to[sets.rows], sets.items)


def against_others(
    lists: Lists,
    truth: Truth,
    catalogue: Catalogue,
    seed: int,
    k: int = 10,
    *,
    forbidden: ItemSets | None = None,
) -> OwnAndOthers:
    """Measure lists `[n, places] int32` with their users' own truth and with other users' truth:
    each user's figures are the mean over `SHUFFLES` other users.

    `forbidden` are the items that the repeat policy forbids each user. An item that is forbidden to
    one of the two users is left out of the list and of both truths. Otherwise, where nothing may be
    shown twice, lists would do better with the own truth only because they leave out what the user
    has had, and this would pass for taste.
    """
    assignments = [_others(truth, seed * SHUFFLES + number) for number in range(SHUFFLES)]
    shape = evaluate(
        "shuffled labels", lists, _reassigned(truth, assignments[0]), catalogue=catalogue, k=k
    )
    if forbidden is None:
        own = metrics.per_user(lists, truth.offsets, truth.items, k)
        others = [_reassigned(truth, to) for to in assignments]
        found = [metrics.per_user(lists, other.offsets, other.items, k) for other in others]
        return OwnAndOthers(
            replace(shape, system="real labels", per_user=own),
            replace(shape, per_user=_means(found)),
        )
    pairs = [_figures_of_new(lists, truth, to, forbidden, k) for to in assignments]
    one, two = (_means([pair[side] for pair in pairs]) for side in (0, 1))
    return OwnAndOthers(
        replace(shape, system="real labels", per_user=one), replace(shape, per_user=two)
    )


def _figures_of_new(
    lists: Lists, truth: Truth, to: Ints, forbidden: ItemSets, k: int
) -> tuple[Figures, Figures]:
    """Figures with the own truth and with the reassigned one, of items that are forbidden to
    neither user; NaN where either truth is then empty.
    """
    theirs = _reassigned(forbidden, to)
    lists, own, other = (
        without(lists, theirs),
        sets_without(truth, theirs),
        sets_without(_reassigned(truth, to), forbidden),
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
