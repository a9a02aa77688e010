"""What no stage measured: lists of sample users with their reasons, SHAP values, the ranker's
learning curves.

Each part says why it is missing instead of failing the report: a page with a gap beats no page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_tasks.gate.evaluate import Truth
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.columns import Block, feature_matrix
from recsys_tasks.ranking.lists.recommender import RankedLists, Recommender
from recsys_tasks.ranking.models.contributions import contributions, mean_strength, strongest
from recsys_tasks.ranking.models.held_out import HeldOut
from recsys_tasks.schema import REASONS

log = logging.getLogger(__name__)

SHOWN = 10
"""Places of a sample list."""
WHY = 3
"""Columns named for each place."""
SHAP_ROWS = 500
"""Held-out rows behind the mean strength of a column."""


@dataclass(frozen=True)
class Samples:
    """Users to show, what they did in the gate window, and how many events each had before it."""

    truth: Truth
    earlier_events: Sequence[int]


def choose(users: Keys, events: Sequence[int], n: int) -> Keys:
    """n of the users `[m]`, from the least to the most active (`events [m]`), evenly spaced; ties
    by key.
    """
    order = np.lexsort((users, np.asarray(events)))
    if n == 0 or len(order) == 0:
        return users[:0]
    places = np.unique(np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int))
    chosen: Keys = users[order[places]]
    return chosen


def attempt(name: str, part: Callable[[], Any]) -> dict[str, Any]:
    """`{"found": …}`, or `{"missing": why}` when the part cannot be made."""
    try:
        return {"found": part()}
    except Exception as error:  # whatever it is: the page says so and the rest of it stands
        log.warning("The run report goes without %s", name, exc_info=True)
        return {
            "missing": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        }


def sample_lists(
    recommender: Recommender, held_out: HeldOut | None, samples: Samples
) -> list[dict[str, Any]]:
    """Each sample user's list as it would have been on the gate's cutoff, with reasons, hits and
    SHAP values.
    """
    users = samples.truth.users
    ranked = recommender.recommend(users, SHOWN)
    why = _why(recommender, held_out, ranked) if held_out is not None else {}
    names = recommender.snapshot.users["user_id"]
    found = []
    for row, user in enumerate(users):
        did = samples.truth.items[samples.truth.offsets[row] : samples.truth.offsets[row + 1]]
        items = [
            _entry(
                recommender, ranked, row, place, set(did.tolist()), why.get((row, int(item)), [])
            )
            for place, item in enumerate(ranked.items[row])
            if item >= 0
        ]
        found.append({
            "user": str(names.iloc[user]),
            "events": int(samples.earlier_events[row]),
            "did": len(did),
            "items": items,
        })  # fmt: skip
    return found


def _entry(
    recommender: Recommender,
    ranked: RankedLists,
    row: int,
    place: int,
    did: set[int],
    why: list[tuple[str, float]],
) -> dict[str, Any]:
    titles, item = recommender.snapshot.items, int(ranked.items[row, place])
    anchor = int(ranked.reason_items[row, place])
    is_probability = recommender.scores_are_probabilities and ranked.ranks_before[row, place] > 0
    return {
        "rank": place + 1,
        "item": str(titles["item_id"].iloc[item]),
        "title": str(titles["title"].iloc[item] or titles["item_id"].iloc[item]),
        "score": round(float(ranked.scores[row, place]), 5) if is_probability else None,
        "reason": REASONS[ranked.reasons[row, place]],
        "anchor": str(titles["title"].iloc[anchor]) if anchor >= 0 else None,
        "hit": item in did,
        "why": [[name, round(value, 4)] for name, value in why],
    }


def _why(
    recommender: Recommender, held_out: HeldOut, ranked: RankedLists
) -> dict[tuple[int, int], list[tuple[str, float]]]:
    """(row, item) → the columns that moved the heavy ranker's score most."""
    block = Block(recommender.inputs, recommender.inputs.retriever.block(ranked.users))
    shown = np.array(
        [np.isin(c, i) for c, i in zip(block.candidates.items, ranked.items, strict=True)]
    )
    names = held_out.names("heavy")
    matrix = feature_matrix(block, names, shown)
    values = contributions(held_out.models("heavy"), held_out.shares, matrix.X, held_out.threads)
    items = block.candidates.items[matrix.user_row, matrix.column]
    return {
        (int(row), int(item)): strongest(names, value, WHY)
        for row, item, value in zip(matrix.user_row, items, values, strict=True)
    }


def mean_contributions(held_out: HeldOut) -> dict[str, float]:
    """Column → mean absolute SHAP value over some held-out rows."""
    rows = held_out.sample(SHAP_ROWS)
    values = contributions(
        held_out.models("heavy"), held_out.shares, held_out.matrix("heavy", rows), held_out.threads
    )
    return {
        name: round(value, 5)
        for name, value in mean_strength(held_out.names("heavy"), values).items()
    }


def steps(held_out: HeldOut) -> dict[str, list[tuple[int, float]]]:
    """Stage → (trees, NDCG@10 of held-out users)."""
    return {
        stage: held_out.steps(stage)
        for stage in ("light", "heavy")
        if stage in held_out.facts["models"]
    }
