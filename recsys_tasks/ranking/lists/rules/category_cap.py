"""Category cap: at most `rerank.max_per_category` items of one category in front of the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys_tasks.arrays import Int64
from recsys_tasks.ranking.lists.rules.base import (
    NORMAL,
    OUT,
    OVER_CAP,
    Asked,
    BuiltIn,
    Entries,
    Rearrange,
    Shop,
)


def capped(categories: Int64, cap: int) -> Rearrange:
    """Move what exceeds the cap of its category behind everything that does not.

    `categories [n_items]`: code by item key, -1 for an unknown one, which is never capped. A
    promoted item counts and is never moved.
    """

    def rearrange(entries: Entries, asked: Asked) -> Entries:
        width = entries.items.shape[1]
        code = np.where(entries.kind < OUT, categories[np.maximum(entries.items, 0)], -1)
        # Each entry's number among those of its category: sort by category, and count from where
        # each run of equal codes begins.
        order = np.argsort(code, axis=1, kind="stable")
        along = np.take_along_axis(code, order, axis=1)
        at = np.arange(width)[None, :]
        begins = np.concatenate(
            [np.ones((len(code), 1), bool), along[:, 1:] != along[:, :-1]], axis=1
        )
        nth = np.empty(code.shape, np.int64)
        first = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
        np.put_along_axis(nth, order, at - first, axis=1)
        over = (code >= 0) & (nth >= cap) & (entries.kind == NORMAL)
        return entries.with_kind(np.where(over, OVER_CAP, entries.kind))

    return rearrange


def _asked(shop: Shop) -> Rearrange | None:
    cap, category = shop.config.rerank.max_per_category, shop.config.items.category
    if not cap or not category:
        return None
    return capped(pd.factorize(shop.snapshot.items[category], sort=True)[0], cap)


RULE = BuiltIn("category_cap", 20, _asked)
