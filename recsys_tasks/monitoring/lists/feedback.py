"""How published lists fared and how they changed: pure functions on lists of user keys and item
keys.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from recsys_tasks import metrics
from recsys_tasks.gate.evaluate import Truth
from recsys_tasks.ids import Keys
from recsys_tasks.metrics import Bools, Floats, Ints, Lists
from recsys_tasks.monitoring.alerts.alarm import Alarm
from recsys_tasks.schema import RUNGS


def realised(lists: Lists, popular: Lists | None, truth: Truth, of: int) -> dict[str, float]:
    """How lists fared by what their users did afterwards, beside what popular items would have done
    for them.

    `lists [n, k]` as published and `popular [n, k]` are those of `truth.users`; `of` is how many
    users had a list in all, also those who did nothing. Returns the means of every per-user metric
    at 10 (`hr@10`), the same of popular items (`popular/hr@10`; left out when there are none),
    `users` who did something, `active_share` of all. NaN where nobody did.
    """
    active = int((truth.sizes > 0).sum())
    named = {"": lists} | ({} if popular is None else {"popular/": popular})
    means = {}
    for prefix, shown in named.items():
        for name, values in metrics.per_user(shown, truth.offsets, truth.items, 10).items():
            means[prefix + name] = float(np.nanmean(values)) if active else float("nan")
    return {**means, "users": float(active), "active_share": active / of if of else float("nan")}


def churn(users_before: Keys, before: Lists, users_now: Keys, now: Lists, k: int) -> Floats:
    """Share of the first k places that hold an item that was not there before, for users in both,
    `[common]`.

    A user without an item in both lists has 0; order within the first k does not count.
    """
    _, old_rows, new_rows = np.intersect1d(
        users_before, users_now, assume_unique=True, return_indices=True
    )
    old, new = before[old_rows, :k], now[new_rows, :k]
    offsets, items = _as_sets(old)
    stayed = metrics.hit_matrix(new, offsets, items).sum(axis=1)
    places = np.maximum((new >= 0).sum(axis=1), (old >= 0).sum(axis=1))
    changed: Floats = np.where(places > 0, 1 - stayed / np.maximum(places, 1), 0.0)
    return changed


def list_health(
    lists: Lists, rungs: npt.NDArray[np.int8], counts: Ints, on_offer: Bools, k: int
) -> dict[str, float]:
    """Figures of one publication: coverage, popularity share, sameness, short lists, users on each
    rung.

    `rungs [n]` index schema.RUNGS; `counts [n_items]` are the items' events before the cutoff;
    `on_offer [n_items]` says which could be shown that night. `coverage` is of all items ever
    named, `coverage_on_offer` of those and what was shown all the same: the ratio that
    recsys.item_exposure gives.
    """
    top, n = lists[:, :k], max(len(lists), 1)
    _, repeats = np.unique(top, axis=0, return_counts=True)
    shown = metrics.exposure(top, len(counts)) > 0
    shares = {
        f"rung_share/{name}": float((rungs == place).sum() / n) for place, name in enumerate(RUNGS)
    }
    return {
        f"coverage@{k}": metrics.coverage(top, len(counts)),
        f"coverage_on_offer@{k}": (
            float(shown.sum() / (shown | on_offer).sum()) if (shown | on_offer).any() else np.nan
        ),
        f"popularity_share@{k}": metrics.popularity_share(top, counts),
        f"gini@{k}": metrics.gini(top, len(counts)),
        "identical_share": float(repeats.max(initial=0) / n),
        "short_share": float((top < 0).any(axis=1).sum() / n),
        **shares,
    }


def churn_alarm(changed: Floats, bound: float) -> Alarm | None:
    """An alarm when more of the places changed overnight than `bound` [0, 1] allows within one
    release.
    """
    if len(changed) == 0 or changed.mean() <= bound:
        return None
    value = float(changed.mean())
    words = (
        f"{value:.0%} of list places changed since the last publication of the same release, at"
        f" most {bound:.0%}"
    )
    return Alarm(
        "list_churn",
        "list_churn",
        bound,
        value,
        words + " is normal: see what changed in tower or features",
    )


def drop_alarm(
    metric: str, value: float, earlier: Mapping[str, float], tolerance: float = 0.3
) -> Alarm | None:
    """An alarm when a realised metric fell by more than `tolerance` below the median of earlier
    nights (4 or more).
    """
    known = [v for v in earlier.values() if v == v]
    if len(known) < 4 or value != value:
        return None
    bound = float(np.median(known)) * (1 - tolerance)
    if value >= bound:
        return None
    words = (
        f"realised {metric} is {value:.4f}, below {bound:.4f} (the median of {len(known)} earlier"
        " nights less "
    )
    return Alarm(
        "quality_drop",
        metric,
        bound,
        value,
        words + f"{tolerance:.0%}): users find less in their lists",
    )


def _as_sets(lists: Lists) -> tuple[Ints, Lists]:
    there = lists >= 0
    return np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64), lists[there]
