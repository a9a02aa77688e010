"""What each stage before publication would have shown: the tower, the candidates, the light and the
heavy order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from benchmarks.protocols import Window
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.columns import Block
from recsys_tasks.ranking.lists.order import by_score
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.retrieval.candidates.source import CandidateSource, open_candidate_source
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.index.build import ExactSearcher
from recsys_tasks.stages import Night
from recsys_tasks.stages.inputs import open_inputs
from recsys_tasks.stages.plan import read_plan

STAGES = (
    "nightshelf/two-tower",
    "nightshelf/candidates",
    "nightshelf/light",
    "nightshelf/heavy",
    "nightshelf",
)
"""In the data's order; each is compared with the one before."""
UNION = "nightshelf/union"
"""All that any generator named, in no order."""
TOWER_DEPTH = 500
BLOCK_USERS = 1024
StageLists = dict[str, dict[str, list[str]]]


def stage_lists(night: Night, window: Window) -> StageLists:
    """System → user → item ids, best first, on the vectors, tables and release that served tonight.

    Business rules are not applied: what the repeat policy forbids is no candidate anyway. A night
    without a release has no light or heavy list.
    """
    plan = read_plan(night.lake, night.as_of)
    inputs = open_inputs(night.snapshot, plan.lineage, night.tonight)
    ranker = Ranker.open(night.lake.get(plan.release)) if plan.release else None
    recommenders = {"candidates": Recommender.of(night.snapshot, inputs, None)}
    if ranker is not None:
        recommenders |= {
            mode: Recommender.of(night.snapshot, inputs, ranker, mode)
            for mode, offered in _modes(ranker)
            if offered
        }
    user_ids, item_ids = (
        night.snapshot.users["user_id"].to_numpy(),
        night.snapshot.items["item_id"].to_numpy(),
    )
    assert isinstance(inputs.retriever, CandidateSource)
    lists: StageLists = {
        UNION: {},
        "nightshelf/two-tower": {},
        **{f"nightshelf/{name}": {} for name in recommenders},
    }
    assert isinstance(inputs.embeddings, Embeddings)
    for users in _blocks(window, user_ids):
        block = Block(inputs, inputs.retriever.block(users))
        named = inputs.retriever.named(users).items
        for user, row in zip(users, named, strict=True):
            lists[UNION][user_ids[user]] = list(item_ids[np.unique(row[row >= 0])])
        orders = {"two-tower": _nearest(inputs.embeddings, users)}
        for name, recommender in recommenders.items():
            order = by_score(recommender.scores(block), block.candidates.items)
            items = np.take_along_axis(block.candidates.items, np.maximum(order, 0), axis=1)
            orders[name] = np.where(order >= 0, items, -1)
        for name, items in orders.items():
            for user, row in zip(users, items, strict=True):
                lists[f"nightshelf/{name}"][user_ids[user]] = list(item_ids[row[row >= 0]])
    return lists


def known_and_popular(night: Night, window: Window) -> dict[str, list[str]]:
    """User → candidates of popularity, trends among it, and own history alone, as many as of all
    generators.
    """
    size = night.config.generators.max_candidates
    quotas = {
        "two_tower": 0,
        "covisitation": 0,
        "fresh": 0,
        "own_history": size,
        "segment_popular": size,
    }
    generators = night.config.generators.model_copy(update=quotas)
    snapshot = replace(
        night.snapshot, config=night.config.model_copy(update={"generators": generators})
    )
    source = open_candidate_source(
        snapshot, night.tonight, build_generators(snapshot, night.tonight), None, None
    )
    user_ids, item_ids = (
        snapshot.users["user_id"].to_numpy(),
        snapshot.items["item_id"].to_numpy(),
    )
    return {
        user_ids[user]: list(item_ids[row[row >= 0]])
        for users in _blocks(window, user_ids)
        for user, row in zip(users, source.block(users).items, strict=True)
    }


def _modes(ranker: Ranker) -> Iterator[tuple[Literal["light", "heavy"], bool]]:
    """Each ranker's name, and whether the release has it."""
    yield "light", ranker.has_light
    yield "heavy", ranker.has_heavy


def _blocks(window: Window, user_ids: np.ndarray) -> Iterator[Keys]:
    key_of = {user: key for key, user in enumerate(user_ids)}
    keys = np.array([key_of[user] for user in window.truth], np.int32)
    yield from (keys[start : start + BLOCK_USERS] for start in range(0, len(keys), BLOCK_USERS))


def _nearest(embeddings: Embeddings, users: Keys) -> Keys:
    """`[n, depth]`: the nearest items of each user's vector, deep enough that unseen ones remain;
    -1 without one.
    """
    rows = embeddings.user_rows(users)
    depth = min(TOWER_DEPTH, len(embeddings.item_keys))
    items, _ = ExactSearcher(embeddings).search(
        np.asarray(embeddings.user_vectors[np.maximum(rows, 0)]), depth
    )
    return np.where(rows[:, None] >= 0, items, -1).astype(np.int32)
