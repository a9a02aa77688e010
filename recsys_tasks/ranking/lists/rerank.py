"""Rules on scored candidates: who may see what, promotions, category caps, diversity, places for
fresh items.

The rankers' scores are never changed: the rules only leave items out or move them, and every list
says at which rank the ranker had put each of its items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.hashes import hashed
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.lists.diversity import Likeness, diversified
from recsys_tasks.ranking.lists.order import in_order
from recsys_tasks.ranking.lists.plain import best_allowed

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Items = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

NORMAL, OVER_CAP, OUT = 1, 2, 3
"""Classes of an entry, served in this order; promoted ones come before (0)."""


@dataclass(frozen=True)
class Rules:
    """What is asked of the first `first` places of a list.

    `categories [n_items]`: code by item key, -1 unknown (never capped). `diversity`, `likeness`:
    see `_diversity`, off where either is missing. `salt`: numbers that the draw of fresh items
    depends on besides user and item: the night and the seed; `promoted`: item keys in the order
    shown.
    """

    first: int
    max_per_category: int = 0
    categories: npt.NDArray[np.int64] | None = None
    diversity: float = 0.0
    likeness: Likeness | None = None
    fresh_slots: int = 0
    salt: tuple[int, ...] = ()
    promoted: tuple[int, ...] = ()

    @property
    def move_anything(self) -> bool:
        """Whether a list may differ from the order of its scores."""
        return bool(
            self.promoted or self.max_per_category or self.diversity > 0 or self.fresh_slots
        )


@dataclass(frozen=True)
class Reranked:
    """Lists of at most k items, best first, pads at the end.

    `items [n, k] int32` (-1 pads), `scores [n, k] float64` (0 on pads), `column [n, k]`: place
    among the candidates given, -1 for pads and for promoted items that were none; `ranks_before [n,
    k] int16`: 1-based, 0 where `column` is -1; `promoted [n, k] bool`; `propensities [n, k]
    float32`: chance that the draw of fresh items had of showing the item there, 1 for places that
    no draw decided, 0 on pads.
    """

    items: Items
    scores: Floats
    column: Places
    ranks_before: npt.NDArray[np.int16]
    promoted: Bools
    propensities: npt.NDArray[np.float32]


def rerank(
    users: Keys,
    items: Items,
    scores: Floats,
    allowed: Bools,
    fresh: Bools,
    k: int,
    rules: Rules,
    may_promote: Bools | None = None,
) -> Reranked:
    """Apply the rules to a block.

    `items`, `scores`, `allowed`, `fresh`: `[n, c]`; a score of -inf is no candidate. `allowed` is
    the last word on eligibility and repeats; `fresh` marks candidates for the fresh places.
    `may_promote [n, promoted]`.
    """
    if not rules.move_anything:
        return _plain(items, scores, allowed, k)
    entries = _ordered(items, scores, allowed)
    if len(rules.promoted):
        entries = _with_promoted(entries, rules.promoted, may_promote)
    if rules.max_per_category and rules.categories is not None:
        entries = _capped(entries, rules.categories, rules.max_per_category)
    entries = entries.by(entries.kind)
    if rules.diversity > 0 and rules.likeness is not None:
        parts = (
            entries.items,
            entries.scores,
            entries.kind,
            rules.first,
            rules.diversity,
            rules.likeness,
        )
        entries = entries.take(diversified(*parts))
    propensity = np.ones(entries.items.shape, np.float32)
    if rules.fresh_slots:
        entries, propensity = _explored(entries, fresh, users, rules)
    return _cut(entries, propensity, k)


def _plain(items: Items, scores: Floats, allowed: Bools, k: int) -> Reranked:
    """What the rules make of a block when none is set, without the entries that they would be
    applied to.
    """
    shown, of, column, ranks, propensities = best_allowed(items, scores, allowed, k)
    return Reranked(shown, of, column, ranks, np.zeros(shown.shape, bool), propensities)


@dataclass(frozen=True)
class _Entries:
    """`[n, e]` each: a block's entries in serving order. `rank` is the 1-based rank before the
    rules, 0 for none.
    """

    items: Items
    scores: Floats
    column: Places
    rank: Places
    kind: Places

    def by(self, key: npt.NDArray[Any]) -> _Entries:
        """The entries of each row in ascending order of the key; ties stay as they are."""
        if (key[:, 1:] >= key[:, :-1]).all():
            return self
        return self.take(np.argsort(key, axis=1, kind="stable"))

    def take(self, order: Places) -> _Entries:
        return _Entries(
            *(
                np.take_along_axis(getattr(self, f), order, axis=1)
                for f in self.__dataclass_fields__
            )
        )


def _ordered(items: Items, scores: Floats, allowed: Bools) -> _Entries:
    """Best first, ties by item key."""
    order = in_order(np.where(items >= 0, scores, -np.inf), items)
    there, column = order >= 0, np.maximum(order, 0)
    kind = np.where(there & np.take_along_axis(allowed, column, axis=1), NORMAL, OUT)
    return _Entries(
        items=np.where(there, np.take_along_axis(items, column, axis=1), np.int32(-1)),
        scores=np.where(there, np.take_along_axis(scores, column, axis=1), -np.inf),
        column=column,
        rank=np.broadcast_to(np.arange(1, order.shape[1] + 1), order.shape),
        kind=kind,
    )


def _with_promoted(
    entries: _Entries, promoted: tuple[int, ...], may_promote: Bools | None
) -> _Entries:
    """Promoted items in front, in the order of the settings, with their own score where the ranker
    gave one.
    """
    shape = (len(entries.items), len(promoted))
    shown = np.ones(shape, bool) if may_promote is None else may_promote
    column, rank, scores = np.full(shape, -1, np.int64), np.zeros(shape, np.int64), np.zeros(shape)
    kind = np.where(entries.items == -1, OUT, entries.kind)
    for p, item in enumerate(promoted):
        row, at = np.nonzero((entries.items == item) & np.isfinite(entries.scores))
        column[row, p], rank[row, p] = entries.column[row, at], entries.rank[row, at]
        scores[row, p] = entries.scores[row, at]
        kind[row, at] = OUT
    front = _Entries(
        np.broadcast_to(np.array(promoted), shape).astype(np.int32),
        scores,
        column,
        rank,
        np.where(shown, 0, OUT).astype(np.int64),
    )
    behind = _Entries(entries.items, entries.scores, entries.column, entries.rank, kind)
    fields = _Entries.__dataclass_fields__
    return _Entries(
        *(np.concatenate([getattr(front, f), getattr(behind, f)], axis=1) for f in fields)
    )


def _capped(entries: _Entries, categories: npt.NDArray[np.int64], cap: int) -> _Entries:
    """Move what exceeds the cap of its category behind everything that does not."""
    width = entries.items.shape[1]
    code = np.where(entries.kind < OUT, categories[np.maximum(entries.items, 0)], -1)
    order = np.argsort(code, axis=1, kind="stable")
    along = np.take_along_axis(code, order, axis=1)
    place = np.arange(width)[None, :]
    begins = np.concatenate([np.ones((len(code), 1), bool), along[:, 1:] != along[:, :-1]], axis=1)
    nth = np.empty(code.shape, np.int64)
    np.put_along_axis(
        nth, order, place - np.maximum.accumulate(np.where(begins, place, 0), axis=1), axis=1
    )
    over = (code >= 0) & (nth >= cap) & (entries.kind == NORMAL)
    return _Entries(
        entries.items,
        entries.scores,
        entries.column,
        entries.rank,
        np.where(over, OVER_CAP, entries.kind),
    )


def _explored(
    entries: _Entries, fresh: Bools, users: Keys, rules: Rules
) -> tuple[_Entries, npt.NDArray[np.float32]]:
    """Give the last `fresh_slots` of the first places to fresh items drawn evenly from those not
    placed before them.
    """
    width, slots = entries.items.shape[1], min(rules.fresh_slots, rules.first)
    place = np.broadcast_to(np.arange(width), entries.items.shape)
    is_fresh = np.take_along_axis(fresh, np.maximum(entries.column, 0), axis=1) & (
        entries.column >= 0
    )
    pool = is_fresh & (entries.kind == NORMAL) & (place >= rules.first - slots)
    codes = users.astype(np.int64)[:, None] * np.int64(2**31) + entries.items
    draw = np.where(pool, hashed(codes, *rules.salt), np.uint64(2**64 - 1))
    nth = np.argsort(np.argsort(draw, axis=1, kind="stable"), axis=1, kind="stable")
    drawn = pool & (nth < slots)
    order = np.argsort(np.where(drawn, rules.first - slots - 0.5, place), axis=1, kind="stable")
    size = pool.sum(axis=1, keepdims=True)
    chance = np.where(drawn & (size > slots), slots / np.maximum(size, 1), 1.0).astype(np.float32)
    return entries.take(order), np.take_along_axis(chance, order, axis=1)


def _cut(entries: _Entries, propensity: npt.NDArray[np.float32], k: int) -> Reranked:
    """The first k, with pads where a list is shorter."""
    width = min(k, entries.items.shape[1])
    there = entries.kind[:, :width] < OUT

    def first(values: npt.NDArray[Any], pad: float, dtype: Any) -> npt.NDArray[Any]:
        out: npt.NDArray[Any] = np.full((len(there), k), pad, dtype)
        np.copyto(out[:, :width], values[:, :width], where=there, casting="unsafe")
        return out

    return Reranked(
        items=first(entries.items, -1, np.int32),
        scores=first(entries.scores, 0.0, np.float64),
        column=first(entries.column, -1, np.int64),
        ranks_before=first(entries.rank, 0, np.int16),
        promoted=first(entries.kind == 0, False, np.bool_),
        propensities=first(propensity, 0.0, np.float32),
    )
