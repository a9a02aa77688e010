"""What the gate measures: a system's lists at the gate's cutoffs, and how they fared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys_tasks.gate.evaluate import Evaluation, Scored, evaluate
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.columns import Block
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.stages.inputs import open_inputs, open_recommender
from recsys_tasks.stages.judging.window import GateWindow, Judged, Lists
from recsys_tasks.stages.serving_state import release_lineage

K = 10
"""Places of a list that the gate's figures count."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class System:
    """A release's lists and scores `[n, k]` of the judged users, and how they fared."""

    lists: Lists
    evaluation: Evaluation
    scores: Scores


def measure(window: GateWindow, judged: Judged, release: Artifact) -> System:
    """Rank all judged users with a release: active ones by it, the others get the fallback. Raises
    RecsysError.
    """
    recommender, size = recommender_of(window, release), window.config.serving.block_users
    lists, scores = _ranked(window, judged, recommender)
    scored = Scored(scores, judged.fulfilled.came_true(lists), judged.active)
    evaluation = _evaluated(judged, release.key, lists, scored)
    fault = evaluation.fault or _missing_scores(recommender, judged.users[judged.active][:size])
    return System(lists, replace(evaluation, fault=fault), scores)


def _ranked(window: GateWindow, judged: Judged, recommender: Recommender) -> tuple[Lists, Scores]:
    k, size = window.config.serving.k, window.config.serving.block_users
    lists, scores = judged.fallback.copy(), np.zeros((len(judged.users), k), np.float32)
    rows = np.flatnonzero(judged.active)
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        ranked = recommender.recommend(judged.users[block], k, eligible=None)
        lists[block], scores[block] = ranked.items, ranked.scores
    return lists, scores


def retrieval_order(window: GateWindow, judged: Judged, release: Artifact) -> System:
    """The order of retrieval of a release's lineage, which serves while there is no champion.
    Raises RecsysError.
    """
    inputs = open_inputs(window.snapshot, release_lineage(release), window.cutoffs)
    lists, scores = _ranked(window, judged, open_recommender(window.snapshot, inputs, None))
    return System(
        lists, _evaluated(judged, "retrieval order", lists, None), scores
    )  # its scores are no probabilities


def _missing_scores(recommender: Recommender, users: Keys) -> str | None:
    """NaN scores in words: such candidates never reach a list, so the lists alone do not show
    them.
    """
    block = Block(recommender.inputs, recommender.inputs.retriever.block(users))
    scores = recommender.scores(block)
    missing = int(np.isnan(scores).sum())
    return f"{missing} scores of {len(users)} users' candidates are NaN" if missing else None


def popularity(judged: Judged) -> Evaluation:
    """Plain popularity: everyone gets the segment's fallback."""
    return _evaluated(judged, "popularity", judged.fallback, None)


def recommender_of(window: GateWindow, release: Artifact) -> Recommender:
    """A release at the gate's cutoffs, on its own lineage's vectors. Raises ArtifactError."""
    inputs = open_inputs(window.snapshot, release_lineage(release), window.cutoffs)
    return open_recommender(window.snapshot, inputs, release)


def _evaluated(judged: Judged, system: str, lists: Lists, scored: Scored | None) -> Evaluation:
    found = evaluate(
        system,
        lists,
        judged.truth,
        catalogue=judged.catalogue,
        scored=scored,
        known=judged.known,
        k=K,
    )
    return replace(found, slices=judged.slices)
