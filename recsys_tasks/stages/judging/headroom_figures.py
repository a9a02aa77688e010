"""Where quality is lost on the gate window, as metrics of the night (`gate/headroom.py`)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sqlalchemy import Engine

from recsys_tasks.gate.evaluate import Truth
from recsys_tasks.gate.headroom import CANDIDATES, LIGHT, LISTS, STAGES, UNION, by_stage, perfect
from recsys_tasks.gate.slices import activity_slices
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.metrics import Floats, per_user
from recsys_tasks.metrics import Lists as ItemLists
from recsys_tasks.ranking.columns import Block
from recsys_tasks.ranking.lists.order import best
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.retrieval.candidates.source import CandidateSource
from recsys_tasks.stages.judging.generator_figures import truth_of_some
from recsys_tasks.stages.judging.measure import K, recommender_of
from recsys_tasks.stages.judging.window import GateWindow
from recsys_tasks.stages.records import record_metrics

SCOPE = "gate/headroom="
MAX_USERS = 4_000
"""Users whose lists are looked into: the means are steady long before."""


def record_headroom(engine: Engine, window: GateWindow, release: Artifact) -> None:
    """Metrics `ndcg@10` and `users` of the scopes `gate/headroom=STAGE` for everyone, and
    `gate/headroom=STAGE/activity=BAND` by the number of earlier events.

    Raises ArtifactError where an input of the release is missing.
    """
    truth = truth_of_some(window, MAX_USERS)
    stages = _stages(recommender_of(window, release), window, truth)
    past = window.snapshot.events(before=window.cutoffs.history_before)
    earlier = np.bincount(past.user, minlength=window.snapshot.n_users)[truth.users]
    bands = {name: inside for name, inside in activity_slices(earlier).items() if "=" in name}
    for band, found in by_stage(stages, bands).items():
        for stage in STAGES:
            values = {f"ndcg@{K}": found[stage], "users": found["users"]}
            scope = f"{SCOPE}{stage}/{band}" if band else f"{SCOPE}{stage}"
            record_metrics(engine, window.as_of, scope, values)


def _stages(recommender: Recommender, window: GateWindow, truth: Truth) -> dict[str, Floats]:
    """NDCG of each stage, `[n]`."""
    parts: list[dict[str, ItemLists]] = list(_kept(recommender, window, truth.users))
    kept = {name: _side_by_side([part[name] for part in parts]) for name in STAGES}
    found = {name: perfect(kept[name], truth, K) for name in (UNION, CANDIDATES, LIGHT)}
    return found | {LISTS: per_user(kept[LISTS], truth.offsets, truth.items, K)[f"ndcg@{K}"]}


def _kept(
    recommender: Recommender, window: GateWindow, users: Keys
) -> Iterator[dict[str, ItemLists]]:
    """What each stage keeps of some users at a time, `[n, c]`."""
    retriever, size = recommender.inputs.retriever, window.config.serving.block_users
    assert isinstance(retriever, CandidateSource)
    for at in range(0, len(users), size):
        some = users[at : at + size]
        block = Block(recommender.inputs, retriever.block(some))
        yield {
            UNION: distinct(retriever.named(some).items),
            CANDIDATES: block.candidates.items,
            LIGHT: _after_light(recommender, block),
            LISTS: recommender.recommend(some, K).items,
        }


def _after_light(recommender: Recommender, block: Block) -> ItemLists:
    """Candidates that the light ranker leaves for the heavy one; all where it does not cut."""
    items, ranker = block.candidates.items, recommender.ranker
    if ranker is None or recommender.rung != "heavy" or not ranker.has_light:
        return items
    scores, _ = recommender.cut_scores(block, ranker)
    keep = best(scores, items, recommender.snapshot.config.ranker.light_survivors)
    return np.where(keep, items, -1)


def distinct(items: ItemLists) -> ItemLists:
    """`[n, w]`: each row's items once, -1 in place of the others."""
    ordered = np.sort(items, axis=1)
    again = np.zeros(items.shape, bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    return np.where(again, -1, ordered).astype(np.int32)


def _side_by_side(parts: list[ItemLists]) -> ItemLists:
    """Rows of all parts, padded to one width."""
    width = max((part.shape[1] for part in parts), default=0)
    padded = [np.pad(p, ((0, 0), (0, width - p.shape[1])), constant_values=-1) for p in parts]
    return np.concatenate(padded) if padded else np.empty((0, 0), np.int32)
