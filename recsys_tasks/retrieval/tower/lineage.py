"""Train the versions of a two-tower lineage: cold for a new one, else warm from the version before.

Targets are events before `learned_before`, each with its user's strictly earlier history.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from time import perf_counter

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config, config_hash
from recsys_tasks.errors import LeakageError
from recsys_tasks.lake import Draft, Lake
from recsys_tasks.lake.keys import LineageName, TowerKey
from recsys_tasks.retrieval.kinds import TOWER
from recsys_tasks.retrieval.tower.cold_start import cold_state, cold_train
from recsys_tasks.retrieval.tower.runtime import prepare
from recsys_tasks.retrieval.tower.settings import TowerSettings
from recsys_tasks.retrieval.tower.versions import (
    SETTINGS,
    TowerVersion,
    as_version,
    current_lineage,
    lineage_hash,
    lineage_start,
    lineages_of,
    open_tower,
    serving_at,
    snapshot_for,
    tower_at,
    versions_of,
    why_cold,
)
from recsys_tasks.retrieval.tower.warm_start import warm_train
from recsys_tasks.snapshot.as_known import attribute_inputs, known_at
from recsys_tasks.snapshot.dataset import Snapshot

__all__ = [
    "TowerVersion",
    "advance_lineage",
    "cold_state",
    "current_lineage",
    "keep_up",
    "lineage_hash",
    "open_tower",
    "tower_at",
    "train_two_tower",
]


def train_two_tower(
    snapshot: Snapshot,
    learned_before: date,
    parent: TowerVersion | None = None,
    *,
    why: str = "asked for",
    control: bool = False,
) -> TowerVersion:
    """A version that learned from every event before a day; a no-op when it exists already.

    Without a parent it trains cold and starts a lineage; `why` is kept in its ledger. With one, the
    settings that the parent was made under hold, but for those of warm nights. It trains on what
    came since, or cold again within the lineage when that is `warm_start.max_new_share` of
    everything: a warm start would then save little, and know less. `control` trains a cold tower
    beside a warm one, to keep what it finds in the ledger. Raises LeakageError when the parent is
    not older, DataError when the training diverges.
    """
    _check_parent(learned_before, parent)
    snapshot = known_at(snapshot, learned_before)
    snapshot = snapshot_for(snapshot, parent.artifact) if parent else snapshot
    config, settings = snapshot.config, TowerSettings.of(snapshot.config)
    lineage = parent.lineage if parent else str(LineageName(settings.hash, learned_before))
    key = str(TowerKey(lineage, learned_before))
    inputs = {
        "snapshot": snapshot.artifact.content,
        "parent": parent.artifact.content if parent else "",
        **attribute_inputs(snapshot),
    }
    hashed = config_hash(
        settings, config.two_tower.warm_start, config.resources, *([control] if control else [])
    )

    def write(draft: Draft) -> None:
        prepare(config.resources)
        started = perf_counter()
        share = _share_of_new(snapshot, learned_before, parent) if parent else 1.0
        if parent is not None and share <= config.two_tower.warm_start.max_new_share:
            state, ledger = warm_train(snapshot, learned_before, parent, control)
        else:
            words = f"{share:.0%} of all events are newer than its parent" if parent else why
            state, ledger = cold_train(snapshot, learned_before, words)
        ledger["parent"] = parent.artifact.key if parent else None
        state.save(draft.path)
        (draft.path / "ledger.json").write_text(json.dumps(ledger, indent=1, sort_keys=True))
        (draft.path / SETTINGS).write_text(settings.model_dump_json(indent=1))
        draft.rows = int(state.known.sum())
        # Durations differ from run to run: they are facts of the manifest, not content.
        draft.facts = {"seconds": round(perf_counter() - started, 2)}

    return as_version(snapshot.lake.make(TOWER, key, inputs=inputs, config=hashed, write=write))


def advance_lineage(
    snapshot: Snapshot, cutoffs: Sequence[date], now_night: date
) -> list[TowerVersion]:
    """For each cutoff, ascending, the newest version that learned nothing from it on.

    Uses the most advanced lineage that reaches back to the oldest cutoff, else starts one there;
    then trains warm at every cutoff past the lineage's newest version. Existing versions are
    reused, but tonight's, where it is asked for, is trained again when what it read has changed: a
    corrected day really counts.
    """
    wanted, lake, config = sorted(set(cutoffs)), snapshot.lake, snapshot.config
    reaching = [n for n in lineages_of(lake, config, now_night) if tower_at(lake, n, wanted[0])]
    if reaching:
        lineage = reaching[0]
    else:
        lineage = train_two_tower(
            snapshot, wanted[0], why=why_cold(lake, config, wanted[0], now_night)
        ).lineage
    days = versions_of(lake, lineage)
    tonight = Cutoffs.at(now_night, config.learning_lag_days).learned_before
    for cutoff in wanted:
        if cutoff > days[-1] or (cutoff == tonight and tonight in days):
            # A first night's chain is weeks in one; a control is of the night's own version, where
            # there were others.
            keep_up(snapshot, lineage, cutoff, control=bool(reaching) and cutoff == tonight)
    return [
        version for cutoff in wanted if (version := tower_at(lake, lineage, cutoff)) is not None
    ]


def keep_up(
    snapshot: Snapshot, lineage: str, learned_before: date, *, control: bool = True
) -> TowerVersion | None:
    """Bring a lineage up to a day, under its own settings, from its newest older version that
    passed its floor.

    A night that fell below its floor is no start for the next: the days since are learned again.
    None where the lineage is not older than that day.
    """
    parent = serving_at(snapshot.lake, lineage, learned_before - timedelta(days=1))
    if parent is None:
        return None
    due = control and _control_due(snapshot.config, snapshot.lake, lineage, learned_before)
    return train_two_tower(snapshot, learned_before, parent, control=due)


def _control_due(config: Config, lake: Lake, lineage: str, day: date) -> bool:
    """Whether a multiple of `control_every_nights` of the lineage's age lies between its version
    before and `day`.
    """
    every, before = (
        config.two_tower.warm_start.control_every_nights,
        tower_at(lake, lineage, day - timedelta(days=1)),
    )
    if not every or before is None:
        return False
    start = lineage_start(lineage)
    return (day - start).days // every > (before.learned_before - start).days // every


def _check_parent(learned_before: date, parent: TowerVersion | None) -> None:
    if parent is not None and parent.learned_before >= learned_before:
        raise LeakageError(
            expected=f"a parent that learned before {learned_before}",
            found=f"{parent.lineage}, which learned before {parent.learned_before}",
            where=f"warm start of the two-tower at {learned_before}",
            remedy="warm-start from an older version of the same lineage, or train cold",
        )


def _share_of_new(snapshot: Snapshot, learned_before: date, parent: TowerVersion) -> float:
    """Of all events before a day, those that the parent does not know."""
    new, known = (
        snapshot.rows_between(since, learned_before) for since in (parent.learned_before, None)
    )
    return new / known if known else 1.0
