"""What users did with the lists of an earlier night: in all, by kind of event, by objective, beside
popular items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine, text

from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.gate.evaluate import truth_between
from recsys_tasks.ids import Keys
from recsys_tasks.monitoring.alarms.figures import REALISED
from recsys_tasks.monitoring.lists.realised import realised
from recsys_tasks.ranking.examples.watch_time import fulfilling, fulfils
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.stages.monitoring.night_lists import Lists, NightLists
from recsys_tasks.stages.monitoring.realised_slices import realised_slices
from recsys_tasks.stages.records import SliceFigure


@dataclass(frozen=True)
class Realised:
    """What users did with the lists of an earlier night: scope → figures, and groups of users."""

    figures: dict[str, dict[str, float]]
    slices: list[SliceFigure]


def realised_figures(
    snapshot: Snapshot, engine: Engine, before: NightLists, users: Keys, lists: Lists
) -> Realised:
    """Figures of the lists `before` (`lists [n, k] int32` of `users [n]`), by what their users did
    until the snapshot's night.

    A purchase says more than a view, and any event at all is mostly views: hence each kind of event
    by itself.
    """
    config = snapshot.config
    window = snapshot.events(since=before.as_of, before=snapshot.as_of)
    chosen = {REALISED: fulfilling(snapshot, window)}
    for name, code in config.event_codes.items():
        chosen[f"{REALISED}/event={name}"] = window.of_kinds((code,))
    for objective in config.objectives:
        chosen[f"{REALISED}/objective={objective.name}"] = window.where(
            fulfils(snapshot, objective, window)
        )
    some = np.isin(users, window.user)
    popular, start, end = (
        _popular(snapshot, before.cutoffs, users[some]),
        start_of(before.as_of),
        start_of(snapshot.as_of),
    )
    found = {}
    truths = {
        scope: truth_between(events, None, start, end, users[some])
        for scope, events in chosen.items()
    }
    for scope, truth in truths.items():
        found[scope] = realised(lists[some], popular, truth, len(users))
    found[REALISED]["shown"] = float(_was_shown(engine, before.planned.publication_id))
    systems = {"lists": lists[some], "popularity": popular}
    return Realised(found, realised_slices(snapshot, systems, truths[REALISED]))


def _popular(snapshot: Snapshot, cutoffs: Cutoffs, users: Keys) -> Lists:
    """What each of these users would have got at these cutoffs without a list of their own.

    From tonight's snapshot, as of then: that night's own may have been made under other settings,
    or be gone.
    """
    from recsys_tasks.stages.judging.window import fallback_matrix

    return fallback_matrix(snapshot, cutoffs, users)


def _was_shown(engine: Engine, publication: int) -> bool:
    """Whether readers ever saw a publication: a hold or a failed check keeps one from
    them.
    """
    query = text("SELECT published_at IS NOT NULL FROM recsys.publication WHERE id = :id")
    with engine.connect() as connection:
        return bool(connection.scalar(query, {"id": publication}))
