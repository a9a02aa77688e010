"""Promotions: `rerank.promoted_items` come first, for everyone who may see them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd

from recsys_tasks.ranking.lists.rules.base import (
    OUT,
    PROMOTED,
    Asked,
    BuiltIn,
    Entries,
    Rearrange,
    Shop,
)
from recsys_tasks.snapshot.eligibility.eligible import eligible_items


def promoted_keys(shop: Shop) -> tuple[int, ...]:
    """Keys of the promoted items that may be shown at all, in the order of the settings."""
    wanted = list(shop.config.rerank.promoted_items)
    if not wanted:
        return ()
    keys = pd.Index(shop.snapshot.items["item_id"]).get_indexer(wanted)
    eligible = eligible_items(shop.snapshot, shop.inputs.cutoffs.history_before)
    return tuple(int(key) for key in dict.fromkeys(keys) if key >= 0 and eligible[key])


def promoted_first(promoted: tuple[int, ...]) -> Rearrange:
    """Put these item keys in front, in their order.

    One that the ranker scored keeps its score, column and rank; another has score 0 and neither.
    """

    def rearrange(entries: Entries, asked: Asked) -> Entries:
        shape = (len(entries.items), len(promoted))
        shown = asked.may_show(np.broadcast_to(np.array(promoted, np.int32), shape))
        column, rank = np.full(shape, -1, np.int64), np.zeros(shape, np.int64)
        scores = np.zeros(shape)
        kind = np.where(entries.items == -1, OUT, entries.kind)
        for p, item in enumerate(promoted):
            row, at = np.nonzero((entries.items == item) & np.isfinite(entries.scores))
            column[row, p], rank[row, p] = entries.column[row, at], entries.rank[row, at]
            scores[row, p] = entries.scores[row, at]
            kind[row, at] = OUT
        front = Entries(
            np.broadcast_to(np.array(promoted), shape).astype(np.int32),
            scores,
            column,
            rank,
            np.where(shown, PROMOTED, OUT).astype(np.int64),
        )
        behind = Entries(entries.items, entries.scores, entries.column, entries.rank, kind)
        both = {
            field.name: np.concatenate(
                [getattr(front, field.name), getattr(behind, field.name)], axis=1
            )
            for field in fields(Entries)
            if field.name != "propensity"  # drawn later
        }
        return Entries(**both).by(both["kind"])

    return rearrange


def _asked(shop: Shop) -> Rearrange | None:
    promoted = promoted_keys(shop)
    return promoted_first(promoted) if promoted else None


RULE = BuiltIn("promotions", 10, _asked)
