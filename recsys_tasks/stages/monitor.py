"""Stage `monitor`: metrics of the published lists, and alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, NightArtifact, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "monitor",
    minutes=60,
    opens=(SNAPSHOT, NightArtifact("plan")),
    reads=("events", "plan", "lists"),
)

_REPORTED = ("ndcg@10", "hr@10", "popular/ndcg@10", "popular/hr@10")
"""Realised figures that the stage's own line and the run report's stages show."""


def run(night: Night, *, snapshot: Snapshot, plan: Artifact) -> Outcome:
    """Measure tonight's lists and what readers did with last night's, and raise the alarms."""
    from recsys_tasks.monitoring.alarms.figures import REALISED
    from recsys_tasks.stages.monitoring.alarms import night_figures, raise_alarms
    from recsys_tasks.stages.monitoring.for_analysts import record_for_analysts
    from recsys_tasks.stages.monitoring.measured import LISTS, measure_lists
    from recsys_tasks.stages.monitoring.night_lists import NightLists
    from recsys_tasks.stages.outcome import Figure, Outcome
    from recsys_tasks.stages.records import record_metrics, record_slices

    tonight = NightLists(night.config, night.lake, plan)
    measured = measure_lists(snapshot, night.engine, tonight)
    figures = night_figures(
        night.engine,
        night.config,
        night.as_of,
        measured.before.as_of if measured.before is not None else None,
        measured.figures,
        same_release=measured.same_release,
    )
    for scope, values in measured.figures.items():
        record_metrics(night.engine, figures.about(scope), scope, values)
    if measured.before is not None:
        record_slices(night.engine, measured.before.as_of, "realised", measured.slices)
    outcomes = record_for_analysts(snapshot, night.engine, tonight)
    alarms = raise_alarms(night.on_call, figures)
    health, realised = measured.figures[LISTS], measured.figures.get(REALISED, {})
    shown: dict[str, Figure] = {n: v for n, v in health.items() if n.startswith("coverage")}
    shown |= {"alarms": float(alarms), "outcomes measured": float(outcomes)}
    shown |= {f"realised {name}": realised[name] for name in _REPORTED if name in realised}
    return Outcome(None, measured.users, shown, note=f"metrics of {night.as_of}")
