"""Stage `monitor`: metrics of the published lists, and alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, NightArtifact, Stage

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from recsys_tasks.clock import Cutoffs
    from recsys_tasks.lake import Artifact
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.monitoring.night_lists import NightLists
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "monitor",
    minutes=60,
    opens=(SNAPSHOT, NightArtifact("plan")),
    reads=(
        *("events", "plan", "lists"),
        *("tower", "embeddings", "features", "generators", "index", "release"),
    ),
)

_REPORTED = ("ndcg@10", "hr@10", "popular/ndcg@10", "popular/hr@10")
"""Realised figures that the stage's own line and the run report's stages show."""


def run(night: Night, *, snapshot: Snapshot, plan: Artifact) -> Outcome:
    """Measure tonight's lists and what readers did with last night's, and raise the alarms."""
    from recsys_tasks.monitoring.alarms.figures import REALISED
    from recsys_tasks.monitoring.alarms.unusual import NIGHT
    from recsys_tasks.serving.calls import note_calls
    from recsys_tasks.stages.monitoring.alarms import night_figures, raise_alarms
    from recsys_tasks.stages.monitoring.for_analysts import record_for_analysts
    from recsys_tasks.stages.monitoring.measured import LISTS, measure_lists
    from recsys_tasks.stages.monitoring.night_cost import night_cost
    from recsys_tasks.stages.monitoring.night_lists import NightLists
    from recsys_tasks.stages.outcome import Figure, Outcome
    from recsys_tasks.stages.records import record_metrics, record_slices

    tonight = NightLists(night.config, night.lake, plan)
    measured = measure_lists(snapshot, night.engine, tonight)
    found = {**measured.figures, NIGHT: night_cost(night.engine, night.as_of)}
    figures = night_figures(
        night.engine,
        night.config,
        night.as_of,
        measured.before.as_of if measured.before is not None else None,
        found,
        same_release=measured.same_release,
    )
    for scope, values in found.items():
        record_metrics(night.engine, figures.about(scope), scope, values)
    if measured.before is not None:
        record_slices(night.engine, measured.before.as_of, "realised", measured.slices)
    outcomes = record_for_analysts(snapshot, night.engine, tonight)
    note_calls(night.engine, night.config.monitoring.history_nights)
    explained = _explain(night.engine, night.tonight, snapshot, tonight)
    alarms = raise_alarms(night.on_call, figures)
    health, realised = measured.figures[LISTS], measured.figures.get(REALISED, {})
    shown: dict[str, Figure] = {n: v for n, v in health.items() if n.startswith("coverage")}
    shown |= {"alarms": float(alarms), "outcomes measured": float(outcomes)}
    shown |= {"places explained": float(explained)}
    shown |= {f"realised {name}": realised[name] for name in _REPORTED if name in realised}
    return Outcome(None, measured.users, shown, note=f"metrics of {night.as_of}")


def _explain(engine: Engine, cutoffs: Cutoffs, snapshot: Snapshot, tonight: NightLists) -> int:
    """Write why the places of some users are there; how many places."""
    from recsys_tasks.stages.inputs import open_inputs, open_recommender
    from recsys_tasks.stages.monitoring.explained import record_place_reasons, sampled_lists

    planned, users = tonight.planned, snapshot.config.monitoring.explained_users
    if not users or planned.release is None:
        return 0
    lists = sampled_lists(engine, planned.publication_id, users)
    index, release = tonight.lake.get(planned.index), tonight.lake.get(planned.release)
    recommender = open_recommender(
        snapshot, open_inputs(snapshot, planned.lineage, cutoffs, index), release
    )
    return record_place_reasons(engine, planned.publication_id, lists, recommender, release)
