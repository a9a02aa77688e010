"""How good lists were: compared with what their users did afterwards.

`truth_between` says what each user did in a window; `evaluate` measures lists against it. How sure
one may be of a difference is the matter of `bootstrap.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks import metrics
from recsys_tasks.errors import DataError
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Bools, Floats, Ints, Lists
from recsys_tasks.snapshot.dataset import Events

ACTIVITY_BANDS = ((0, 0, "new"), (1, 4, "1-4 events"), (5, 19, "5-19 events"), (20, None, "20+ events"))
"""First and last number of earlier events, and the band's name."""


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
    """Sets from (row, item) pairs in any order; a repeated pair counts once."""
    span = np.int64(items.max(initial=0)) + 1
    pairs = np.unique(rows.astype(np.int64) * span + items)
    offsets = np.searchsorted(pairs // span, np.arange(len(users) + 1)).astype(np.int64)
    return ItemSets(users, offsets, (pairs % span).astype(np.int32))


def truth_between(events: Events, codes: Iterable[int] | None, start: int, end: int, users: Keys) -> Truth:
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


def shuffled_truth(truth: Truth, seed: int) -> Truth:
    """The same sets given to other users: what evaluation must tell from the real truth."""
    rng = np.random.default_rng([seed, 17])
    some = np.flatnonzero(truth.sizes)
    to = np.arange(len(truth.users))
    # A rotation of a random order: with two users or more, nobody keeps the own set.
    mixed = rng.permutation(some)
    to[mixed] = np.roll(mixed, 1)
    return item_sets(truth.users, to[truth.rows], truth.items)


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
class Evaluation:
    """How one system's lists fared. Rows are users, in the same order everywhere.

    `per_user` holds `[n] float64` arrays by name (`ndcg@10`, `discovery/ndcg@10`; NaN: no truth);
    `summary` their means and the measures of all lists together; `slices` are groups of users to be
    guarded, `[n] bool`; `lists_hash` is equal for equal first k places; `fault` says in words what is
    wrong with the scores, None when nothing is.
    """

    system: str
    users: Keys
    per_user: Mapping[str, Floats]
    summary: Mapping[str, float]
    slices: Mapping[str, Bools]
    lists_hash: str
    fault: str | None = None

    def slice_means(self, metric: str) -> dict[str, tuple[int, float]]:
        """Slice → users with a truth, and their mean of the metric."""
        values = self.per_user[metric]
        counted = {name: values[mask & ~np.isnan(values)] for name, mask in self.slices.items()}
        return {name: (len(v), float(v.mean()) if len(v) else float("nan")) for name, v in counted.items()}


def evaluate(
    system: str,
    lists: Lists,
    truth: Truth,
    *,
    counts: Ints,
    scores: npt.NDArray[np.float32] | None = None,
    known: ItemSets | None = None,
    slices: Mapping[str, Bools] | None = None,
    k: int = 10,
) -> Evaluation:
    """Measure `lists [n, >= k] int32` of `truth.users`.

    `counts [n_items]` are the items' events before the cutoff (for popularity share and novelty).
    `scores`, shaped like `lists`, are calibrated probabilities; None leaves calibration out. A fair
    calibration error needs users without truth among the rows too: their places did not come true.
    `known` are the users' items of before the cutoff and adds the discovery metrics.
    Raises DataError when shapes disagree.
    """
    _check_shapes(system, lists, truth, scores)
    per_user = metrics.per_user(lists, truth.offsets, truth.items, k)
    if known is not None:
        new_truth = sets_without(truth, known)
        found = metrics.per_user(without(lists, known), new_truth.offsets, new_truth.items, k)
        per_user |= {f"discovery/{name}": values for name, values in found.items()}
    top = np.ascontiguousarray(lists[:, :k])
    fault = None if scores is None else _score_fault(top, scores[:, :k])
    summary = {name: _mean(values) for name, values in per_user.items()} | _list_measures(top, counts, k)
    summary["users"] = float((truth.sizes > 0).sum())
    if scores is not None and fault is None:
        shown = top >= 0
        hits = metrics.hit_matrix(top, truth.offsets, truth.items)
        summary["calibration_error"] = metrics.calibration_error(scores[:, :k][shown].astype(float), hits[shown])
    digest = hashlib.sha256(np.asarray(truth.users).tobytes() + top.tobytes()).hexdigest()[:16]
    return Evaluation(system, truth.users, per_user, summary, dict(slices or {}), digest, fault)


def _check_shapes(system: str, lists: Lists, truth: Truth, scores: npt.NDArray[np.float32] | None) -> None:
    if len(lists) != len(truth.users) or (scores is not None and scores.shape != lists.shape):
        raise DataError(
            expected="one list for each user of the truth, scores shaped like the lists",
            found=f"lists {lists.shape}, users {len(truth.users)}, scores {None if scores is None else scores.shape}",
            where=f"evaluation of {system}",
            remedy="rank exactly the users of the truth, in their order",
        )


def _list_measures(top: Lists, counts: Ints, k: int) -> dict[str, float]:
    return {
        f"coverage@{k}": metrics.coverage(top, len(counts)),
        f"popularity_share@{k}": metrics.popularity_share(top, counts),
        f"gini@{k}": metrics.gini(top, len(counts)),
        f"novelty@{k}": metrics.novelty(top, counts),
    }


def _score_fault(top: Lists, scores: npt.NDArray[np.float32]) -> str | None:
    """What is wrong with the scores of real places, in words."""
    shown = scores[top >= 0]
    missing, outside = int(np.isnan(shown).sum()), int(((shown < 0) | (shown > 1)).sum())
    if missing or outside:
        return f"{missing} scores are NaN and {outside} lie outside [0, 1], of {len(shown)}"
    return None


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else float("nan")


# --- groups of users ---------------------------------------------------------------------------


def activity_slices(earlier_events: Ints) -> dict[str, Bools]:
    """Users by their number of events before the cutoff, `[n]`: new, and three bands of known ones."""
    bands = {
        f"activity={name}": (earlier_events >= low) & (earlier_events <= (np.inf if high is None else high))
        for low, high, name in ACTIVITY_BANDS
    }
    return bands | {"known users": earlier_events > 0}


def attribute_slices(name: str, values: npt.NDArray[np.object_]) -> dict[str, Bools]:
    """Users by the value of an attribute, `[n]` text; a missing value is a slice of its own."""
    text = np.array([str(v) if isinstance(v, str) else "unknown" for v in values], dtype=object)
    return {f"{name}={value}": text == value for value in sorted(set(text))}
