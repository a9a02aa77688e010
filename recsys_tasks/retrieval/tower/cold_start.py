"""A training that knows no version before it: a lineage's first, and the control beside a warm
one.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from recsys_tasks.arrays import Bool, Int64
from recsys_tasks.retrieval.tower.examples import newest
from recsys_tasks.retrieval.tower.inputs import EMPTY
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.training_run import TrainingRun
from recsys_tasks.retrieval.tower.versions import Archive, TowerState
from recsys_tasks.retrieval.tower.weights import Arrays, start_arrays, zero_untrained
from recsys_tasks.snapshot.dataset import Snapshot


def cold_train(
    snapshot: Snapshot, learned_before: date, why: str
) -> tuple[TowerState, dict[str, Any]]:
    """Train on everything before a day; `why` a cold start was needed is kept in the ledger.

    Where no user has events at two different times before that day, nothing can be learned: no id
    has a vector, and the ledger says why.
    """
    run = TrainingRun.open(snapshot, learned_before, EMPTY, EMPTY)
    examples = examples_of(run)
    if len(examples):
        tower, losses = _fitted(run, examples)
        arrays = tower.arrays()
    else:
        # A first night of a young shop: lists are popular and the user's own items, and the next
        # version, of which everything is new, is trained cold.
        arrays, losses = start_arrays(run.config.two_tower, run.rows, run.config.resources.seed), []
        why = f"{why}; untrained: {_lacking(snapshot, run, learned_before)}"
    state = cold_state(snapshot, run, arrays)
    ledger = {
        "start": "cold",
        "why": why,
        "examples": len(examples),
        "replayed": 0,
        "loss": losses,
        "kept": 0,
        "new": int(state.known.sum()),
        "archived": 0,
        "returned": 0,
        "drift": 0.0,
        "held_back_rows": 0,
        "recall_before": None,
        "recall_after": None,
        "recall_cold": None,
        "refresh_ok": True,
        "control_ok": True,
    }
    return state, ledger


def _lacking(snapshot: Snapshot, run: TrainingRun, learned_before: date) -> str:
    """What an untrained tower had instead of examples, in words."""
    kept = snapshot.rows_between(learned_before, snapshot.as_of)
    days = (snapshot.as_of - learned_before).days
    return (
        f"no user has events at two different times among the {len(run.events)} before"
        f" {learned_before}; the {kept} of the {days} days since are kept to judge on"
    )


def control_hits(snapshot: Snapshot, learned_before: date, held_out: Int64) -> Bool:
    """Which held-out examples a cold tower finds that learned from all others: what a warm chain
    is measured by.

    `held_out [h] int64`: rows of the events; returns `[h] bool`, at most 4,000 of them.
    """
    run = TrainingRun.open(snapshot, learned_before, EMPTY, EMPTY)
    examples = examples_of(run)
    tower, _ = _fitted(run, examples[~np.isin(examples, held_out)])
    return run.hits(tower, held_out)


def cold_state(snapshot: Snapshot, run: TrainingRun, arrays: Arrays) -> TowerState:
    """The state that a training without a parent leaves: ids and values that no example touched
    have no vector.
    """
    zero_untrained(arrays)
    last_seen = run.last_seen(snapshot, np.full(len(arrays["item"]), -1, np.int32))
    return TowerState(
        arrays, run.items, run.users, last_seen, Archive.empty(run.config.two_tower.dimensions)
    )


def examples_of(run: TrainingRun) -> Int64:
    """What a cold training learns from, `[k] int64`: the newest examples of each user."""
    settings = run.config.two_tower
    return newest(run.examples, run.events, settings.newest_per_user, settings.max_examples)


def _fitted(run: TrainingRun, examples: Int64) -> tuple[Tower, list[float]]:
    settings = run.config.two_tower
    tower = run.tower(start_arrays(settings, run.rows, run.config.resources.seed))
    return tower, run.fit(tower, examples, settings.epochs)
