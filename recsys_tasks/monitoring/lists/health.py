"""Figures of a single publication: coverage, concentration on few items, short lists."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks import metrics
from recsys_tasks.metrics import Bools, Ints, Lists
from recsys_tasks.schema import RUNGS


def list_health(
    lists: Lists, rungs: npt.NDArray[np.int8], counts: Ints, on_offer: Bools, k: int
) -> dict[str, float]:
    """Figures of one publication: users with a list, coverage, popularity share, identical and
    short lists, share of users on each rung.

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
        "users": float(len(lists)),
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
