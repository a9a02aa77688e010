"""Train the two-tower: cold for a new lineage, else warm from the version before.

Targets are events before `learned_before`, each with its user's strictly earlier history.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from time import perf_counter
from typing import Any

import numpy as np

from recsys_tasks.config import Config
from recsys_tasks.errors import LeakageError, NotEnoughData
from recsys_tasks.retrieval._tf_runtime import prepare
from recsys_tasks.retrieval._tf_training import Run
from recsys_tasks.retrieval.tower_examples import newest
from recsys_tasks.retrieval.tower_inputs import EMPTY
from recsys_tasks.retrieval.tower_versions import (
    KIND,
    Archive,
    TowerState,
    TowerVersion,
    as_version,
    current_lineage,
    lineage_hash,
    lineages_of,
    open_tower,
    tower_at,
    version_key,
    versions_of,
)
from recsys_tasks.retrieval.tower_weights import Arrays, forget_untouched, start_arrays
from recsys_tasks.retrieval.warm_start import warm_train
from recsys_tasks.snapshot.dataset import Snapshot

__all__ = [
    "TowerVersion",
    "advance_chain",
    "cold_state",
    "current_lineage",
    "lineage_hash",
    "open_tower",
    "tower_at",
    "train_two_tower",
]


def train_two_tower(snapshot: Snapshot, learned_before: date, parent: TowerVersion | None = None) -> TowerVersion:
    """A version that learned from every event before a day; a no-op when it exists already.

    Without a parent it trains cold and starts a lineage; with one it trains on what came since, or cold
    again within the lineage when that is `warm_start.max_new_share` of everything: a warm start would then
    save little, and know less.
    Raises NotEnoughData when there is no example, LeakageError when the parent is not older.
    """
    _check_parent(snapshot.config, learned_before, parent)
    lineage = parent.lineage if parent else f"{lineage_hash(snapshot.config)}-{learned_before:%Y%m%d}"
    key = version_key(lineage, learned_before)
    inputs = {"snapshot": snapshot.artifact.content, "parent": parent.artifact.content if parent else ""}
    settings = f"{lineage_hash(snapshot.config)}/{snapshot.config.resources.model_dump_json()}"
    found = snapshot.lake.find(KIND, key, snapshot.lake.fingerprint(KIND, key, inputs, settings))
    if found is not None:
        return as_version(found)
    prepare(snapshot.config.resources)
    with snapshot.lake.writing(KIND, key, inputs=inputs, config=settings) as draft:
        started = perf_counter()
        if parent is None or _much_is_new(snapshot, learned_before, parent):
            state, ledger = _cold_train(snapshot, learned_before)
        else:
            state, ledger = warm_train(snapshot, learned_before, parent)
        ledger["parent"] = parent.artifact.key if parent else None
        state.save(draft.path)
        (draft.path / "ledger.json").write_text(json.dumps(ledger, indent=1, sort_keys=True))
        draft.rows = int(state.known.sum())
        # Durations differ from run to run: they are facts of the manifest, not content.
        draft.facts = {"seconds": round(perf_counter() - started, 2)}
    assert draft.artifact is not None
    return as_version(draft.artifact)


def advance_chain(snapshot: Snapshot, cutoffs: Sequence[date], now_night: date) -> list[TowerVersion]:
    """For each cutoff, ascending, the newest version that learned nothing from it on.

    Uses the most advanced lineage that reaches back to the oldest cutoff, else starts one there; then
    trains warm at every cutoff past the lineage's newest version. Existing versions are reused, but
    tonight's is trained again when what it read has changed: a corrected day really counts.
    """
    wanted, lake = sorted(set(cutoffs)), snapshot.lake
    reaching = [n for n in lineages_of(lake, snapshot.config, now_night) if tower_at(lake, n, wanted[0])]
    lineage = reaching[0] if reaching else train_two_tower(snapshot, wanted[0]).lineage
    days, tonight = versions_of(lake, lineage), wanted[-1]
    last = open_tower(lake, lineage, days[-1])
    for cutoff in wanted:
        if cutoff > last.learned_before:
            last = train_two_tower(snapshot, cutoff, last)
    before = tower_at(lake, lineage, tonight - timedelta(days=1))
    if tonight in days and before is not None:
        train_two_tower(snapshot, tonight, before)
    return [version for cutoff in wanted if (version := tower_at(lake, lineage, cutoff)) is not None]


def _check_parent(config: Config, learned_before: date, parent: TowerVersion | None) -> None:
    if parent is None:
        return
    if parent.learned_before >= learned_before or not parent.lineage.startswith(lineage_hash(config)):
        raise LeakageError(
            expected=f"a parent of shape {lineage_hash(config)} that learned before {learned_before}",
            found=f"{parent.lineage}, which learned before {parent.learned_before}",
            where=f"warm start of the two-tower at {learned_before}",
            remedy="warm-start from an older version of the same lineage, or train cold",
        )


def _much_is_new(snapshot: Snapshot, learned_before: date, parent: TowerVersion) -> bool:
    new, known = (snapshot.rows_between(since, learned_before) for since in (parent.learned_before, None))
    return new > snapshot.config.two_tower.warm_start.max_new_share * known


def _cold_train(snapshot: Snapshot, learned_before: date) -> tuple[TowerState, dict[str, Any]]:
    settings, seed = snapshot.config.two_tower, snapshot.config.resources.seed
    run = Run.open(snapshot, learned_before, EMPTY, EMPTY)
    examples = newest(run.examples, run.events, settings.newest_per_user, settings.max_examples)
    if not len(examples):
        raise NotEnoughData(
            expected="a user with events at two different times",
            found=f"{len(run.events)} events, none with an earlier one of its user",
            where=f"two-tower at {learned_before}",
            remedy="wait for more history, or start later",
        )
    tower = run.tower(start_arrays(settings, run.rows, seed))
    losses = run.fit(tower, examples, settings.epochs)
    state = cold_state(snapshot, run, tower.arrays())
    ledger = {
        "start": "cold",
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
        "refresh_ok": True,
    }
    return state, ledger


def cold_state(snapshot: Snapshot, run: Run, arrays: Arrays) -> TowerState:
    """The state that a training without a parent leaves: ids and values that no example touched have no vector."""
    forget_untouched(arrays)
    last_seen = run.last_seen(snapshot, np.full(len(arrays["item"]), -1, np.int32))
    return TowerState(arrays, run.items, run.users, last_seen, Archive.empty(run.config.two_tower.dimensions))
