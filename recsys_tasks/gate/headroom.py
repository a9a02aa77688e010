"""Where quality is lost between all items and the published lists.

Each stage keeps some items of each user. If what it kept were ordered perfectly, the lists would
reach a figure that no later stage can exceed; the difference to the stage before is what the stage
lost. The last stage is the lists as they are ordered.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsys_tasks import metrics
from recsys_tasks.gate.evaluate import Truth
from recsys_tasks.metrics import Bools, Floats, Lists

UNION, CANDIDATES, LIGHT, LISTS = "union", "candidates", "light", "lists"
STAGES = (UNION, CANDIDATES, LIGHT, LISTS)
"""What any generator named; what fusion kept; what the light ranker kept; the lists."""


def perfect(kept: Lists, truth: Truth, k: int) -> Floats:
    """`[n]`: NDCG@k if `kept [n, c] int32` (-1 pads, no item twice) were ordered perfectly; NaN for
    a user without a truth.
    """
    found = metrics.hit_matrix(kept, truth.offsets, truth.items).sum(axis=1)
    gain = np.concatenate([[0.0], (1.0 / np.log2(np.arange(k) + 2)).cumsum()])
    wanted = gain[np.minimum(truth.sizes, k)]
    with np.errstate(invalid="ignore"):
        return np.where(truth.sizes > 0, gain[np.minimum(found, k)] / wanted, np.nan)


def by_stage(
    stages: Mapping[str, Floats], bands: Mapping[str, Bools]
) -> dict[str, dict[str, float]]:
    """Band ("" for everyone) → what each stage could have reached, and `users` with a truth.

    `stages`: NDCG of each of STAGES, `[n]`, NaN without a truth; `bands`: `[n] bool`. Bands in
    which nobody has a truth are left out.
    """
    judged = ~np.isnan(stages[LISTS])
    found = {}
    for name, inside in {"": np.ones(len(judged), bool), **bands}.items():
        counted = judged & inside
        if counted.any():
            found[name] = {stage: float(stages[stage][counted].mean()) for stage in STAGES}
            found[name]["users"] = float(counted.sum())
    return found
