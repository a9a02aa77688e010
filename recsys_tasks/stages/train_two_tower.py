"""Stage `train_two_tower`: advance the warm chain of the retrieval model to tonight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, Stage

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Engine

    from recsys_tasks.registry.registry import Registry
    from recsys_tasks.retrieval.tower.versions import TowerVersion
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.alarms import OnCall
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "train_two_tower",
    minutes=360,
    takes_turns=True,
    opens=(SNAPSHOT,),
    reads=("events", "tower", "release"),
    makes=("tower",),
    emits="tower",
)

_FIGURES = (
    "start",
    "why",
    "kept",
    "new",
    "archived",
    "examples",
    "drift",
    "recall_before",
    "recall_after",
    "recall_cold",
    "refresh_ok",
)
"""Entries of the warm-start ledger that the stage's own line shows."""


def run(night: Night, *, snapshot: Snapshot) -> Outcome:
    """Train a version for every cutoff that tonight needs; the champion's lineage, too, where it is
    another one.
    """
    from recsys_tasks.retrieval.tower.lineage import advance_lineage, keep_up, tower_at
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.schedule import tower_due

    wanted = sorted({cutoffs.learned_before for cutoffs in night.needed_cutoffs})
    tonight = night.tonight.learned_before
    due = tower_due(night.lake, night.config, night.as_of, tonight)
    if not due:
        wanted.remove(tonight)
    versions = advance_lineage(snapshot, wanted, night.as_of)
    newest = tower_at(night.lake, versions[-1].lineage, tonight) or versions[-1]
    # After a change of settings the champion serves until a challenger of the new ones beats it: on
    # fresh vectors.
    champions = [
        name for name in night.serving.champion_lineage() if due and name != newest.lineage
    ]
    served = [
        version
        for name in champions
        if (version := keep_up(snapshot, name, tonight, control=False))
    ]
    new = _new_versions(night.engine, [*versions, *served])
    _write_ledger(night.engine, night.registry, new, night.now)
    begun = [version.ledger for version in new if version.ledger.get("parent") is None]
    rules = night.config.two_tower.warm_start
    for version in (newest, *served):
        tell_of_refresh(night.on_call, version, rules.refresh_floor, tonight)
    tell_of_control(night.on_call, newest, rules.control_floor)
    ledger = {**newest.ledger, **({"why": begun[0].get("why")} if begun else {})}
    figures = {name: ledger[name] for name in _FIGURES if ledger.get(name) is not None}
    return Outcome(newest.artifact, newest.artifact.rows, {"lineage": newest.lineage, **figures})


def _new_versions(engine: Engine, versions: Sequence[TowerVersion]) -> list[TowerVersion]:
    """Those of which no ledger is kept."""
    from recsys_tasks.stages.records import recorded_towers

    known = recorded_towers(engine)
    return [version for version in versions if version.artifact.reference not in known]


def _write_ledger(
    engine: Engine, registry: Registry, versions: Sequence[TowerVersion], now: datetime
) -> None:
    """Each version's ledger, in MLflow and then in PostgreSQL: a killed night repeats both, to no
    effect.
    """
    from recsys_tasks.stages.records import record_tower

    for version in versions:
        reference = version.artifact.reference
        registry.record_tower(reference, now, version.ledger)
        record_tower(engine, version.lineage, version.learned_before, reference, version.ledger)


def tell_of_refresh(
    on_call: OnCall, newest: TowerVersion, refresh_floor: float, tonight: date
) -> None:
    """Raise the `refresh` alarm if the version that learned up to `tonight` has lower recall on the
    new day than its parent, which serves then: lower than `refresh_floor` of it.
    """
    if newest.ledger.get("refresh_ok", True) or newest.learned_before != tonight:
        return
    from recsys_tasks.monitoring.alarms import Alarm

    before, after = float(newest.ledger["recall_before"]), float(newest.ledger["recall_after"])
    floor = refresh_floor * before
    words = (
        f"tower {newest.artifact.key} has lower recall on the new day than the version before,"
        " which serves instead"
    )
    alarm = Alarm("refresh", "held-back recall@100", floor, after, words)
    on_call.tell(alarm, "look at recsys.tower_versions")


def tell_of_control(on_call: OnCall, newest: TowerVersion, control_floor: float) -> None:
    """Raise the `control` alarm if tonight's cold control has significantly higher recall than the
    warm chain, which has less than `control_floor` of it: the next night starts anew.
    """
    ledger = newest.ledger
    if (
        ledger.get("control_ok", True)
        or ledger.get("recall_cold") is None
        or not ledger["refresh_ok"]
    ):
        return
    from recsys_tasks.monitoring.alarms import Alarm

    floor = control_floor * float(ledger["recall_cold"])
    words = (
        f"tower {newest.artifact.key} has significantly lower recall than its cold control; the"
        " next night starts a new lineage"
    )
    alarm = Alarm("control", "held-back recall@100", floor, float(ledger["recall_after"]), words)
    on_call.tell(alarm, "look at recall_cold in recsys.tower_versions")
