"""Drift of scores and of the mix of events: the population stability index (PSI).

PSI = sum over bins of (now - before) · ln(now / before), of shares. The usual reading: below 0.1 no
change, above 0.25 a change that needs a look.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsys_tasks.metrics import Floats

_FLOOR = 1e-4


def psi(before: Floats, now: Floats) -> float:
    """PSI of two vectors `[bins] float64` of counts or shares over the same bins; an empty bin
    counts as 0.01 %. NaN without rows.
    """
    if before.sum() <= 0 or now.sum() <= 0:
        return float("nan")
    old, new = (np.maximum(v / v.sum(), _FLOOR) for v in (before, now))
    return float(((new - old) * np.log(new / old)).sum())


def score_psi(before: Floats, now: Floats, bins: int = 10) -> float:
    """PSI of two samples of scores `[n]` and `[m]` float64 (NaN: no score), in bins that have
    equally many of the earlier scores; a value that would fill two is a bin of its own. NaN without
    rows.
    """
    before, now = before[~np.isnan(before)], now[~np.isnan(now)]
    if len(before) == 0 or len(now) == 0:
        return float("nan")
    edges, times = np.unique(
        np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]), return_counts=True
    )
    # else what is below a frequent value would be in one bin with it: all ones turned to zeros
    edges = np.union1d(edges, np.nextafter(edges[times > 1], -np.inf))
    counts = [
        np.bincount(np.searchsorted(edges, v, side="left"), minlength=len(edges) + 1)
        for v in (before, now)
    ]
    return psi(counts[0].astype(float), counts[1].astype(float))


def mix_psi(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """PSI of the mix of events: counts by kind, in earlier weeks and now; a kind missing on one
    side counts as 0.
    """
    kinds = sorted(set(before) | set(now))
    old, new = (np.array([mix.get(kind, 0.0) for kind in kinds]) for mix in (before, now))
    return psi(old, new)
