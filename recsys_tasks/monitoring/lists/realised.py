"""What users did with published lists afterwards, beside what popular items would have got them."""

from __future__ import annotations

import numpy as np

from recsys_tasks import metrics
from recsys_tasks.gate.evaluate import Truth
from recsys_tasks.metrics import Lists


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
