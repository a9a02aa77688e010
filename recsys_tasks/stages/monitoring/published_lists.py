"""After publication: metrics of the lists, and alarms."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from recsys_tasks.errors import DamagedArtifact, RecsysError
from recsys_tasks.ids import Keys
from recsys_tasks.lake.keys import ListsKey
from recsys_tasks.monitoring.alarms import drift, list_churn
from recsys_tasks.monitoring.alarms.figures import REALISED
from recsys_tasks.monitoring.lists.churn import churn
from recsys_tasks.monitoring.lists.health import list_health
from recsys_tasks.serving.precompute import list_batches
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.stages.monitoring.alarms import night_figures, raise_alarms
from recsys_tasks.stages.monitoring.drift import event_mix, score_shape
from recsys_tasks.stages.monitoring.realised import realised_figures
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.outcome import Outcome
from recsys_tasks.stages.plan import read_plan
from recsys_tasks.stages.records import record_metrics

Lists = npt.NDArray[np.int32]

REPORTED = ("ndcg@10", "hr@10", "popular/ndcg@10", "popular/hr@10")
"""Realised figures that the stage's own line and the run report's stages show."""


def monitor(night: Night) -> Outcome:
    """Figures of tonight's lists, what readers did with last night's, and an alert for each
    alarm.
    """
    users, lists, rungs = _published(night)
    counts = np.bincount(
        night.snapshot.events(before=night.as_of).item, minlength=night.snapshot.n_items
    )
    on_offer = eligible_items(night.snapshot, night.as_of)
    health = list_health(lists, rungs, counts, on_offer, night.config.serving.k)
    measured = {"lists": health}
    before = _night_before(night)
    same_release = False
    if before is not None:
        against, same_release = _against(night, before, users, lists)
        measured |= against
    measured[drift.SCOPE] = event_mix(night) | (
        score_shape(before, night) if before is not None else {}
    )
    figures = night_figures(night, before, measured, same_release=same_release)
    for scope, values in measured.items():
        record_metrics(night.engine, figures.about(scope), scope, values)
    alarms = raise_alarms(night, figures)
    realised = measured.get(REALISED, {})
    shown = {name: value for name, value in health.items() if name.startswith("coverage")}
    shown |= {"alarms": float(alarms)}
    shown |= {f"realised {name}": realised[name] for name in REPORTED if name in realised}
    return Outcome(None, len(users), shown, note=f"metrics of {night.as_of}")


def _published(night: Night) -> tuple[Keys, Lists, npt.NDArray[np.int8]]:
    """Users, `[n, k]` lists and rungs of a night's publication, from its shards in the lake."""
    token, k = read_plan(night.lake, night.as_of).token, night.config.serving.k
    shards = [
        night.lake.require("lists", str(ListsKey(token, shard)))
        for shard in range(night.config.serving.shards)
    ]
    n = sum(artifact.rows for artifact in shards)
    users, rungs = np.empty(n, np.int32), np.empty(n, np.int8)
    lists = np.full((n, k), -1, np.int32)
    at = 0
    for artifact in shards:
        for batch in list_batches(artifact, ["user_key", "items", "rung"]):
            rows = slice(at, at + batch.num_rows)
            users[rows], rungs[rows] = batch["user_key"].to_numpy(), batch["rung"].to_numpy()
            offsets = batch["items"].offsets.to_numpy()
            there = np.arange(k) < np.diff(offsets)[:, None]
            flat = batch["items"].values.to_numpy()
            lists[rows][there] = flat[(offsets[:-1, None] + np.arange(k))[there]]
            at += batch.num_rows
    return users, lists, rungs


def _night_before(night: Night) -> Night | None:
    """The newest earlier night within a week that has a plan, seen with tonight's snapshot."""
    for days in range(1, 8):
        day = night.as_of - timedelta(days=days)
        if night.lake.newest("plan", day.isoformat()) is not None:
            return Night(night.config, night.environment, day, night.now)
    return None


def _against(
    night: Night, before: Night, users: Keys, lists: Lists
) -> tuple[dict[str, dict[str, float]], bool]:
    """Scope → figures of the lists of the night before by what their users did, and how much
    tonight's differ from them; and whether the same release made both.
    """
    try:
        old_users, old_lists, _ = _published(before)
    except DamagedArtifact:
        raise
    except RecsysError:
        return {}, False  # retention removed the lists, or that night never finished
    figures = realised_figures(night, before, old_users, old_lists)
    changed = churn(old_users, old_lists, users, lists, night.config.serving.k)
    figures[list_churn.SCOPE] = {"mean": float(changed.mean()) if len(changed) else 0.0}
    then, now = (read_plan(night.lake, day).release for day in (before.as_of, night.as_of))
    return figures, then == now
