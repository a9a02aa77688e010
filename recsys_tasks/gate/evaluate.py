"""Evaluation of lists by what their users did afterwards.

`truth_between` reads what each user did in a window (the truth); `evaluate` compares lists with it.
The confidence of a difference between two systems is in `bootstrap.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recsys_tasks import metrics
from recsys_tasks.errors import DataError
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Bools, Floats, Ints, Lists
from recsys_tasks.snapshot.events import Events


@dataclass(frozen=True)
class ItemSets:
    """A set of items for each user: row u's are `items[offsets[u]:offsets[u + 1]]`, sorted.

    `users [n] int32` are keys in the order of the rows; `offsets [n + 1] int64`.
    """

    users: Keys
    offsets: Ints
    items: Lists

    @property
    def sizes(self) -> Ints:
        """`[n]`: items of each user."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> Ints:
        """`[items]`: the row that each item belongs to."""
        return np.repeat(np.arange(len(self.users)), self.sizes)


Truth = ItemSets


def item_sets(users: Keys, rows: Ints, items: Lists) -> ItemSets:
    """Sets of `users [n] int32` from pairs of `rows [p] int64` (of the users) and `items [p] int32`
    in any order; a repeated pair counts once.
    """
    span = np.int64(items.max(initial=0)) + 1
    pairs = np.unique(rows.astype(np.int64) * span + items)
    offsets = np.searchsorted(pairs // span, np.arange(len(users) + 1)).astype(np.int64)
    return ItemSets(users, offsets, (pairs % span).astype(np.int32))


def truth_between(
    events: Events, codes: Iterable[int] | None, start: int, end: int, users: Keys
) -> Truth:
    """Items of these users' events in [start, end), seconds; `codes` are event codes, None is all.

    A user without such an event has an empty set. `users [n]` are distinct keys in any order.
    """
    window = events.between(start, end)
    window = window if codes is None else window.of_kinds(codes)
    order = np.argsort(users, kind="stable")
    if len(users) == 0:
        return item_sets(users, np.zeros(0, np.int64), np.zeros(0, np.int32))
    place = np.minimum(np.searchsorted(users[order], window.user), len(users) - 1)
    asked = users[order][place] == window.user
    return item_sets(users, order[place][asked], window.item[asked])


def without(lists: Lists, known: ItemSets) -> Lists:
    """`[n, k]`: the lists without the known items, later places moved up, -1 at the end."""
    gone = metrics.hit_matrix(lists, known.offsets, known.items) | (lists < 0)
    order = np.argsort(gone, axis=1, kind="stable")
    kept: Lists = np.take_along_axis(np.where(gone, -1, lists), order, axis=1).astype(np.int32)
    return kept


def sets_without(truth: Truth, known: ItemSets) -> Truth:
    """The truth without each user's known items."""
    span = np.int64(max(truth.items.max(initial=0), known.items.max(initial=0))) + 1
    new = ~np.isin(truth.rows * span + truth.items, known.rows * span + known.items)
    return item_sets(truth.users, truth.rows[new], truth.items[new])


@dataclass(frozen=True)
class Scored:
    """Scores `[n, >= k]` that claim to be probabilities, and the outcomes to compare them with.

    `outcomes [n, >= k]`: in [0, 1], how far each place came true; None: 1 if its item is in the
    truth, else 0. `rows [n]`: the users whose scores count; None: all. For an unbiased calibration
    error users without truth must be among them: their places did not come true.
    """

    scores: npt.NDArray[np.float32]
    outcomes: Floats | None = None
    rows: Bools | None = None


@dataclass(frozen=True)
class Evaluation:
    """The measures of one system's lists. Rows are users, in the same order in all arrays.

    `per_user` holds `[n] float64` arrays by name (`ndcg@10`, `discovery/ndcg@10`; NaN: no truth);
    `summary` their means and the measures of all lists together; `slices` are the guarded groups of
    users, `[n] bool`; `lists_hash` is equal for equal first k places; `fault` says in words what
    is wrong with the scores, None when nothing is; `bias_curve` and `reliability` are those of
    `metrics`.
    """

    system: str
    users: Keys
    per_user: Mapping[str, Floats]
    summary: Mapping[str, float]
    slices: Mapping[str, Bools]
    lists_hash: str
    fault: str | None = None
    bias_curve: Mapping[int, int] = field(default_factory=dict)
    reliability: Sequence[tuple[float, float, int]] = ()

    def slice_means(self, metric: str) -> dict[str, tuple[int, float]]:
        """Slice → users with a truth, and their mean of the metric."""
        values = self.per_user[metric]
        counted = {name: values[mask & ~np.isnan(values)] for name, mask in self.slices.items()}
        return {
            name: (len(v), float(v.mean()) if len(v) else float("nan"))
            for name, v in counted.items()
        }


@dataclass(frozen=True)
class Catalogue:
    """`counts [n_items]`: the items' events before the cutoff; `categories [n_items]`: codes, -1
    for none.
    """

    counts: Ints
    categories: Ints | None = None


def evaluate(
    system: str,
    lists: Lists,
    truth: Truth,
    *,
    catalogue: Catalogue,
    scored: Scored | None = None,
    known: ItemSets | None = None,
    k: int = 10,
) -> Evaluation:
    """Measure `lists [n, places] int32`, at least k places, of `truth.users`.

    Without `scored` no measure of scores is made. `known`, the users' items before the cutoff, adds
    the discovery metrics. `slices` is empty in the result: the caller sets it by `replace`. Raises
    DataError when shapes disagree.
    """
    _check_shapes(system, lists, truth, scored)
    per_user = metrics.per_user(lists, truth.offsets, truth.items, k)
    if known is not None:
        new_truth = sets_without(truth, known)
        found = metrics.per_user(without(lists, known), new_truth.offsets, new_truth.items, k)
        per_user |= {f"discovery/{name}": values for name, values in found.items()}
    top = np.ascontiguousarray(lists[:, :k])
    hits = metrics.hit_matrix(top, truth.offsets, truth.items)
    summary = {name: _mean(values) for name, values in per_user.items()}
    summary |= {
        f"{name}@{k}": value for name, value in _list_measures(top, hits, truth, catalogue).items()
    }
    summary["users"] = float((truth.sizes > 0).sum())
    fault: str | None = None
    reliability: list[tuple[float, float, int]] = []
    if scored is not None:
        fault = _score_fault(top, scored.scores[:, :k])
    if scored is not None and fault is None:
        measures, reliability = _score_measures(top, hits, scored)
        summary |= measures
    digest = hashlib.sha256(np.asarray(truth.users).tobytes() + top.tobytes()).hexdigest()[:16]
    return Evaluation(
        system=system,
        users=truth.users,
        per_user=per_user,
        summary=summary,
        slices={},
        lists_hash=digest,
        fault=fault,
        bias_curve=metrics.popularity_bias_curve(top, len(catalogue.counts)),
        reliability=reliability,
    )


def _check_shapes(system: str, lists: Lists, truth: Truth, scored: Scored | None) -> None:
    shapes = [a.shape for a in (scored.scores, scored.outcomes) if a is not None] if scored else []
    if len(lists) != len(truth.users) or any(shape != lists.shape for shape in shapes):
        raise DataError(
            expected=(
                "one list for each user of the truth, scores and outcomes shaped like the lists"
            ),
            found=f"lists {lists.shape}, users {len(truth.users)}, scores and outcomes {shapes}",
            where=f"evaluation of {system}",
            remedy="rank exactly the users of the truth, in their order",
        )


def _list_measures(top: Lists, hits: Bools, truth: Truth, catalogue: Catalogue) -> dict[str, float]:
    counts, categories = catalogue.counts, catalogue.categories
    found = {
        "coverage": metrics.coverage(top, len(counts)),
        "user_coverage": metrics.user_coverage(top),
        "popularity_share": metrics.popularity_share(top, counts),
        "gini": metrics.gini(top, len(counts)),
        "novelty": metrics.novelty(top, counts),
        "serendipity": _mean(
            np.where(truth.sizes > 0, metrics.serendipity(top, hits, counts), np.nan)
        ),
        **metrics.item_fairness(top, hits, truth.items, counts),
    }
    if categories is not None:
        found["category_coverage"] = metrics.category_coverage(top, categories)
        found["diversity"] = _mean(metrics.intra_list_diversity(top, categories))
    return found


def _score_measures(
    top: Lists, hits: Bools, scored: Scored
) -> tuple[dict[str, float], list[tuple[float, float, int]]]:
    k = top.shape[1]
    shown = (top >= 0) & (True if scored.rows is None else scored.rows[:, None])
    scores = scored.scores[:, :k][shown].astype(float)
    outcomes = (hits if scored.outcomes is None else scored.outcomes[:, :k])[shown].astype(float)
    measures = {
        "calibration_error": metrics.calibration_error(scores, outcomes),
        "roc_auc": metrics.roc_auc(scores, outcomes > 0),
        "pr_auc": metrics.pr_auc(scores, outcomes > 0),
    }
    return measures, metrics.reliability(scores, outcomes)


def _score_fault(top: Lists, scores: npt.NDArray[np.float32]) -> str | None:
    """What is wrong with the scores of real places, in words."""
    shown = scores[top >= 0]
    missing, outside = int(np.isnan(shown).sum()), int(((shown < 0) | (shown > 1)).sum())
    if missing or outside:
        return f"{missing} scores are NaN and {outside} lie outside [0, 1], of {len(shown)}"
    return None


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else float("nan")
