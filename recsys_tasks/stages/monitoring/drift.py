"""Did the shop or the lists change their shape overnight? The figures of every night."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.errors import ArtifactError, DamagedArtifact
from recsys_tasks.lake.keys import ListsKey
from recsys_tasks.metrics import Floats
from recsys_tasks.monitoring.alarms.figures import WEEKS
from recsys_tasks.monitoring.lists.drift import mix_psi, score_psi
from recsys_tasks.serving.precompute import list_batches
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.plan import read_plan

MIN_EVENTS = 200
"""Of fewer on a day, or among the days before, the mix differs by chance alone."""


def event_mix(night: Night) -> dict[str, float]:
    """PSI of the newest day's kinds of event against the four weeks before; nothing where there are
    too few.
    """
    events = night.snapshot.events(
        since=night.as_of - timedelta(days=7 * WEEKS + 1), before=night.as_of
    )
    newest = events.ts >= start_of(night.as_of) - DAY_SECONDS
    if newest.sum() < MIN_EVENTS or (~newest).sum() < MIN_EVENTS:
        return {}
    before, now = (_by_kind(night, events.event[rows]) for rows in (~newest, newest))
    return {"event_mix_psi": mix_psi(before, now)}


def _by_kind(night: Night, codes: np.ndarray) -> dict[str, float]:
    return {name: float((codes == code).sum()) for name, code in night.config.event_codes.items()}


def score_shape(before: Night, night: Night) -> dict[str, float]:
    """PSI of tonight's scores against the last lists' of the same release; nothing after a change
    of release.
    """
    try:
        same = (
            read_plan(before.lake, before.as_of).release
            == read_plan(night.lake, night.as_of).release
        )
        psi = score_psi(_scores(before), _scores(night)) if same else float("nan")
    except DamagedArtifact:
        raise
    except ArtifactError:
        return {}  # retention removed the lists, or that night never finished
    return {"score_psi": psi} if psi == psi else {}


def _scores(night: Night) -> Floats:
    """Scores of all places of a night's lists; NaN where a place has none."""
    token = read_plan(night.lake, night.as_of).token
    shards = [
        night.lake.require("lists", str(ListsKey(token, shard)))
        for shard in range(night.config.serving.shards)
    ]
    parts = [
        b["scores"].flatten().to_numpy(zero_copy_only=False)
        for s in shards
        for b in list_batches(s, ["scores"])
    ]
    return np.concatenate([np.zeros(0), *parts])
