"""Fresh items: the last `rerank.fresh_slots` of the first `serving.k` places go to new items, drawn
evenly, with the chance of the draw as their propensity.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsys_tasks.arrays import Int64
from recsys_tasks.hashes import hashed
from recsys_tasks.ranking.lists.rules.base import (
    NORMAL,
    Asked,
    BuiltIn,
    Entries,
    Rearrange,
    Shop,
)
from recsys_tasks.schema import REASONS, reason_codes


def fresh_last(first: int, slots: int, generators: Int64, salt: tuple[int, ...]) -> Rearrange:
    """Give the last `slots` of the first places to fresh items that are not placed before them.

    Fresh is what one of the `generators [g]` (numbers along `Candidates.ranks`) named. The draw is
    a hash of user, item and `salt` (the night and the seed): even over the fresh items of a list,
    and the same whoever else is in the block.
    """

    def rearrange(entries: Entries, asked: Asked) -> Entries:
        fresh = (asked.candidates.ranks[:, :, generators] >= 0).any(axis=2)
        width, places = entries.items.shape[1], min(slots, first)
        at = np.broadcast_to(np.arange(width), entries.items.shape)
        is_fresh = np.take_along_axis(fresh, np.maximum(entries.column, 0), axis=1) & (
            entries.column >= 0
        )
        pool = is_fresh & (entries.kind == NORMAL) & (at >= first - places)
        codes = asked.users.astype(np.int64)[:, None] * np.int64(2**31) + entries.items
        draw = np.where(pool, hashed(codes, *salt), np.uint64(2**64 - 1))
        nth = np.argsort(np.argsort(draw, axis=1, kind="stable"), axis=1, kind="stable")
        drawn = pool & (nth < places)
        order = np.argsort(np.where(drawn, first - places - 0.5, at), axis=1, kind="stable")
        size = pool.sum(axis=1, keepdims=True)
        # Where every fresh item gets a place, no draw decided.
        chance = np.where(drawn & (size > places), places / np.maximum(size, 1), 1.0)
        return replace(entries, propensity=chance.astype(np.float32)).take(order)

    return rearrange


def _asked(shop: Shop) -> Rearrange | None:
    config, night = shop.config, shop.inputs.cutoffs.history_before
    if not config.rerank.fresh_slots:
        return None
    generators = np.flatnonzero(np.array(reason_codes()) == REASONS.index("new"))
    salt = (night.toordinal(), config.resources.seed)
    return fresh_last(config.serving.k, config.rerank.fresh_slots, generators, salt)


RULE = BuiltIn("fresh_slots", 40, _asked)
