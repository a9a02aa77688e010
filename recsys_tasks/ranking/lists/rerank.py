"""From scored candidates to lists: the order of the scores, the rules, and the first k.

The rankers' scores are never changed, and every list has the rank that the ranker gave each of its
items. The order of the steps is in `rules/base.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_tasks.arrays import AnyArray, Bool, Float32, Float64, Int16, Int32, Int64
from recsys_tasks.errors import ConfigError
from recsys_tasks.ranking.lists.order import by_score
from recsys_tasks.ranking.lists.plain import best_allowed
from recsys_tasks.ranking.lists.rules.base import (
    NORMAL,
    OUT,
    PROMOTED,
    Asked,
    Entries,
    RulesInForce,
)


@dataclass(frozen=True)
class Reranked:
    """Lists of at most k items, best first, pads at the end: `[n, k]` each."""

    items: Int32
    """Item keys, -1 on pads."""
    scores: Float64
    """0 on pads and for promoted items that were no candidates."""
    column: Int64
    """Column among the candidates, -1 on pads and for promoted items that were none."""
    ranks_before: Int16
    """1-based rank by score, 0 where `column` is -1."""
    promoted: Bool
    propensities: Float32
    """Probability with which the draw of fresh items put the item there, 1 for places that no draw
    decided, 0 on pads.
    """


def rerank(asked: Asked, scores: Float64, allowed: Bool, k: int, rules: RulesInForce) -> Reranked:
    """Apply the rules to the candidates of a block.

    `scores`, `allowed`: `[n, c]`; a score of -inf is no candidate. No rule can show a candidate
    that is not `allowed` (not eligible, or forbidden). Raises ConfigError where a rule of an
    installed package shows an item twice.
    """
    items = asked.candidates.items
    if not rules.steps:
        shown = best_allowed(items, scores, allowed, k)
        promoted = np.zeros(shown.items.shape, bool)
        return Reranked(*shown[:4], promoted, shown.propensities)
    entries = _ordered(items, scores, allowed)
    for step in rules.steps:
        entries = step(entries, asked)
    if rules.own:
        entries = _eligible_last(entries, asked, allowed, rules.own)
    return _cut(entries, k)


def _ordered(items: Int32, scores: Float64, allowed: Bool) -> Entries:
    """Entries by score, ties by item key; those not allowed are last, with their rank among all."""
    order = by_score(np.where(items >= 0, scores, -np.inf), items)
    there, column = order >= 0, np.maximum(order, 0)
    kind = np.where(there & np.take_along_axis(allowed, column, axis=1), NORMAL, OUT)
    entries = Entries(
        items=np.where(there, np.take_along_axis(items, column, axis=1), np.int32(-1)),
        scores=np.where(there, np.take_along_axis(scores, column, axis=1), -np.inf),
        column=column,
        rank=np.broadcast_to(np.arange(1, order.shape[1] + 1), order.shape),
        kind=kind,
    )
    return entries.by(kind)


def _eligible_last(entries: Entries, asked: Asked, allowed: Bool, own: tuple[str, ...]) -> Entries:
    """Leave out again what is not allowed, after the rules `own` of installed packages.

    Raises ConfigError for lists with an item twice, or with one beside another's column.
    """
    column = np.maximum(entries.column, 0)
    of_column = np.take_along_axis(asked.candidates.items, column, axis=1)
    moved = (entries.kind < OUT) & (entries.column >= 0) & (entries.items != of_column)
    if moved.any():
        raise ConfigError(
            expected="entries that are moved whole: an item with its column, rank and score",
            found=f"{int(moved.any(axis=1).sum())} of {len(moved)} lists with another's",
            where=f"rerank.rules: {', '.join(own)}",
            remedy="correct the rule's package (reorder with Entries.by), or take it out",
        )
    candidate = np.take_along_axis(allowed, column, axis=1)
    others = (entries.column < 0) & (entries.items >= 0)
    may = np.where(entries.column >= 0, candidate, False)
    if others.any():
        may |= others & asked.may_show(np.maximum(entries.items, 0))
    entries = entries.without(~may | (entries.items < 0))
    shown = np.sort(np.where(entries.kind < OUT, entries.items, -1), axis=1)
    twice = int(((shown[:, 1:] == shown[:, :-1]) & (shown[:, 1:] >= 0)).any(axis=1).sum())
    if twice:
        raise ConfigError(
            expected="lists that name an item once",
            found=f"{twice} of {len(shown)} lists that name one twice",
            where=f"rerank.rules: {', '.join(own)}",
            remedy="correct the rule's package (reorder with Entries.by), or take it out",
        )
    return entries


def _cut(entries: Entries, k: int) -> Reranked:
    """The first k, with pads where a list is shorter."""
    width = min(k, entries.items.shape[1])
    there = entries.kind[:, :width] < OUT

    def first(values: AnyArray, pad: float, dtype: Any) -> AnyArray:
        out: AnyArray = np.full((len(there), k), pad, dtype)
        np.copyto(out[:, :width], values[:, :width], where=there, casting="unsafe")
        return out

    drawn = entries.propensity
    propensity = np.ones(entries.items.shape, np.float32) if drawn is None else drawn
    return Reranked(
        items=first(entries.items, -1, np.int32),
        scores=first(entries.scores, 0.0, np.float64),
        column=first(entries.column, -1, np.int64),
        ranks_before=first(entries.rank, 0, np.int16),
        promoted=first(entries.kind == PROMOTED, False, np.bool_),
        propensities=first(propensity, 0.0, np.float32),
    )
