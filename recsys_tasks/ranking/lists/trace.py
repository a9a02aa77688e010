"""One item's way through the steps that make one user's list: which of them dropped it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsys_tasks import schema
from recsys_tasks.arrays import AnyFloat, Bool
from recsys_tasks.errors import ArtifactError
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.columns import Block
from recsys_tasks.ranking.lists.order import by_score
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.retrieval.candidates.fusion import fuse
from recsys_tasks.retrieval.candidates.source import CandidateSource
from recsys_tasks.snapshot.bans import Bans
from recsys_tasks.snapshot.eligibility.user_rules import UserRules


@dataclass(frozen=True)
class Way:
    """Places are 1-based; 0: the item is not there."""

    may_show: bool
    """Whether the user may see the item: eligible, and not forbidden by the repeat policy, a
    negative event or a rule of `eligibility.rules`.
    """
    banned: bool
    """Whether a negative event keeps the item from the user."""
    ruled_out: bool
    """Whether a rule of `eligibility.rules` does."""
    named: Mapping[str, int]
    """Place in the list of each generator that named it."""
    fused: int
    """Place among all that was named, by the sum of the votes."""
    named_items: int
    candidates: int
    """How many of these are ranked."""
    cut: int
    """Place by the light ranker, which keeps some for the heavy one."""
    scored: int
    """Place by the score of the ranker that orders the list."""
    ranked: int
    """How many candidates have such a score."""
    place: int
    """Place in the list, its spares counted."""
    items: Keys
    """`[k] int32`: the whole list, -1 pads."""


def way_of(recommender: Recommender, user: int, item: int, eligible: Bool, k: int) -> Way:
    """The way of an item (a key) into the list of up to k items of a user (a key), or to the step
    that dropped it.

    `eligible [n_items] bool`. Raises ArtifactError where the candidates are not of the generators.
    """
    users = np.array([user], np.int32)
    source = recommender.inputs.retriever
    if not isinstance(source, CandidateSource):
        raise ArtifactError(
            expected="candidates of the generators",
            found=type(source).__name__,
            where="the inputs of ranking",
            remedy="open them as a night does, by `open_inputs`",
        )
    lists = source.named(users)
    width = lists.items.shape[1]
    union = fuse(lists, source.votes, width, source.tables.n_items)
    block = Block(recommender.inputs, source.block(users))
    shown = recommender.recommend(users, k, eligible=eligible).items[0]
    scores = recommender.scores(block)
    asked, both = np.array([[item]], np.int32), recommender.bans_and_rules
    return Way(
        may_show=bool(recommender.may_show(users, asked, eligible=eligible)[0, 0]),
        banned=both is not None and _forbidden_by(both.bans, users, asked),
        ruled_out=both is not None and _forbidden_by(both.rules, users, asked),
        named=_places(union.items[0], union.ranks[0], item),
        fused=_place(union.items[0], item),
        named_items=int((union.items >= 0).sum()),
        candidates=int(block.there.sum()),
        cut=_cut_place(recommender, block, item),
        scored=_scored_place(scores, block.candidates.items, item),
        ranked=int(np.isfinite(scores).sum()),
        place=_place(shown, item),
        items=shown,
    )


def _forbidden_by(what: Bans | UserRules | None, users: Keys, items: Keys) -> bool:
    return what is not None and bool(what.of(users, items)[0, 0])


def _places(items: Keys, ranks: Keys, item: int) -> Mapping[str, int]:
    """Generator to place, of those that named the item; `ranks [c, g]`, -1 where one did not."""
    at = _place(items, item)
    if not at:
        return {}
    pairs = zip(schema.generator_names(), ranks[at - 1], strict=True)
    return {name: int(rank) + 1 for name, rank in pairs if rank >= 0}


def _cut_place(recommender: Recommender, block: Block, item: int) -> int:
    ranker = recommender.ranker
    if ranker is None or recommender.rung != "heavy" or not ranker.has_light:
        return 0
    scores, _ = recommender.cut_scores(block, ranker)
    return _scored_place(scores, block.candidates.items, item)


def _scored_place(scores: AnyFloat, items: Keys, item: int) -> int:
    order = by_score(scores, items)[0]
    return _place(items[0][order[order >= 0]], item)


def _place(items: Keys, item: int) -> int:
    found = np.flatnonzero(items == item)
    return int(found[0]) + 1 if len(found) else 0
