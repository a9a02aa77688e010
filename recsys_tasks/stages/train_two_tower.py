"""Stage `train_two_tower`: advance the warm chain of the retrieval model to tonight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.retrieval.tower.versions import TowerVersion
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "train_two_tower",
    minutes=360,
    takes_turns=True,
    reads=("snapshot", "events", "tower", "release"),
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


def run(night: Night) -> Outcome:
    """Train a version for every cutoff that tonight needs; the champion's lineage, too, where it is
    another one.
    """
    from recsys_tasks.retrieval.tower.train import advance_chain, keep_up, tower_at
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.schedule import needed_cutoffs, tower_due
    from recsys_tasks.stages.serving_state import champion_lineage

    wanted = sorted({cutoffs.learned_before for cutoffs in needed_cutoffs(night)})
    tonight = night.tonight.learned_before
    due = tower_due(night)
    if not due:
        wanted.remove(tonight)
    versions = advance_chain(night.snapshot, wanted, night.as_of)
    newest = tower_at(night.lake, versions[-1].lineage, tonight) or versions[-1]
    # After a change of settings the champion serves until a challenger of the new ones beats it: on
    # fresh vectors.
    champions = [name for name in champion_lineage(night) if due and name != newest.lineage]
    served = [
        version
        for name in champions
        if (version := keep_up(night.snapshot, name, tonight, control=False))
    ]
    begun = [
        version.ledger
        for version in _write_ledger(night, [*versions, *served])
        if version.ledger.get("parent") is None
    ]
    for version in (newest, *served):
        tell_of_refresh(night, version)
    tell_of_control(night, newest)
    ledger = {**newest.ledger, **({"why": begun[0].get("why")} if begun else {})}
    figures = {name: ledger[name] for name in _FIGURES if ledger.get(name) is not None}
    return Outcome(newest.artifact, newest.artifact.rows, {"lineage": newest.lineage, **figures})


def _write_ledger(night: Night, versions: Sequence[TowerVersion]) -> list[TowerVersion]:
    """What is new among the versions, in MLflow and then in PostgreSQL: a killed night repeats
    both, to no effect.
    """
    from recsys_tasks.stages.records import record_tower, recorded_towers

    known = recorded_towers(night.engine)
    new = [version for version in versions if version.artifact.reference not in known]
    for version in new:
        night.registry.record_tower(version.artifact.reference, night.now, version.ledger)
        record_tower(
            night.engine,
            version.lineage,
            version.learned_before,
            version.artifact.reference,
            version.ledger,
        )
    return new


def tell_of_refresh(night: Night, newest: TowerVersion) -> None:
    """Raise the `refresh` alarm if tonight's version has lower recall on the new day than its
    parent, which serves then.
    """
    if (
        newest.ledger.get("refresh_ok", True)
        or newest.learned_before != night.tonight.learned_before
    ):
        return
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.stages.alarms import raise_alarm

    before, after = float(newest.ledger["recall_before"]), float(newest.ledger["recall_after"])
    floor = night.config.two_tower.warm_start.refresh_floor * before
    words = (
        f"tower {newest.artifact.key} has lower recall on the new day than the version before,"
        " which serves instead"
    )
    alarm = Alarm("refresh", "held-back recall@100", floor, after, words)
    raise_alarm(night, alarm, "look at recsys.tower_versions")


def tell_of_control(night: Night, newest: TowerVersion) -> None:
    """Raise the `control` alarm if tonight's cold control has significantly higher recall than the
    warm chain: the next night starts anew.
    """
    ledger = newest.ledger
    if (
        ledger.get("control_ok", True)
        or ledger.get("recall_cold") is None
        or not ledger["refresh_ok"]
    ):
        return
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.stages.alarms import raise_alarm

    floor = night.config.two_tower.warm_start.control_floor * float(ledger["recall_cold"])
    words = (
        f"tower {newest.artifact.key} has significantly lower recall than its cold control; the"
        " next night starts a new lineage"
    )
    alarm = Alarm("control", "held-back recall@100", floor, float(ledger["recall_after"]), words)
    raise_alarm(night, alarm, "look at recall_cold in recsys.tower_versions")
