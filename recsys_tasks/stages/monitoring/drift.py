"""Did the shop or the lists change their shape overnight? The figures of every night."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.errors import ArtifactError, DamagedArtifact
from recsys_tasks.monitoring.alarms.figures import WEEKS
from recsys_tasks.snapshot.checks.stability import mix_psi, score_psi
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.stages.monitoring.night_lists import NightLists

MIN_EVENTS = 200
"""Of fewer on a day, or among the days before, the mix differs by chance alone."""


def event_drift(snapshot: Snapshot) -> dict[str, float]:
    """PSI of the newest day's kinds of event, prices and quantities against the four weeks before;
    nothing where there are too few.
    """
    as_of, codes = snapshot.as_of, snapshot.config.event_codes
    events = snapshot.events(since=as_of - timedelta(days=7 * WEEKS + 1), before=as_of)
    newest = events.ts >= start_of(as_of) - DAY_SECONDS
    if newest.sum() < MIN_EVENTS or (~newest).sum() < MIN_EVENTS:
        return {}
    before, now = (
        {name: float((events.event[rows] == code).sum()) for name, code in codes.items()}
        for rows in (~newest, newest)
    )
    figures = {"event_mix_psi": mix_psi(before, now)}
    for name, values in (("price", events.price), ("quantity", events.quantity)):
        given = ~np.isnan(values)
        if min((given & newest).sum(), (given & ~newest).sum()) >= MIN_EVENTS:
            of_before = values[given & ~newest].astype(np.float64)
            figures[f"{name}_psi"] = score_psi(of_before, values[given & newest].astype(np.float64))
    return figures


def score_shape(before: NightLists, tonight: NightLists) -> dict[str, float]:
    """PSI of tonight's scores against the last lists' of the same release; nothing after a change
    of release.
    """
    try:
        same = before.planned.release == tonight.planned.release
        psi = score_psi(before.scores(), tonight.scores()) if same else float("nan")
    except DamagedArtifact:
        raise
    except ArtifactError:
        return {}  # retention removed the lists, or that night never finished
    return {"score_psi": psi} if psi == psi else {}
