"""What users did with the lists of an earlier night: in all, by kind of event, by objective, beside
popular items.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sqlalchemy import text

from recsys_tasks.clock import start_of
from recsys_tasks.gate.evaluate import truth_between
from recsys_tasks.ids import Keys
from recsys_tasks.monitoring.alarms.figures import REALISED
from recsys_tasks.monitoring.lists.realised import realised
from recsys_tasks.ranking.examples.watch_time import fulfilling, fulfils
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.plan import read_plan

Lists = npt.NDArray[np.int32]


def realised_figures(
    night: Night, before: Night, users: Keys, lists: Lists
) -> dict[str, dict[str, float]]:
    """Scope → figures of the lists made on `before` (`lists [n, k] int32` of `users [n]`), by what
    their users did until tonight's start.

    A purchase says more than a view, and any event at all is mostly views: hence each kind of event
    by itself.
    """
    window = night.snapshot.events(since=before.as_of, before=night.as_of)
    chosen = {REALISED: fulfilling(night.snapshot, window)}
    for name, code in night.config.event_codes.items():
        chosen[f"{REALISED}/event={name}"] = window.of_kinds((code,))
    for objective in night.config.objectives:
        chosen[f"{REALISED}/objective={objective.name}"] = window.where(
            fulfils(night.snapshot, objective, window)
        )
    some = np.isin(users, window.user)
    popular, start, end = (
        _popular(night, before, users[some]),
        start_of(before.as_of),
        start_of(night.as_of),
    )
    found = {}
    for scope, events in chosen.items():
        truth = truth_between(events, None, start, end, users[some])
        found[scope] = realised(lists[some], popular, truth, len(users))
    found[REALISED]["shown"] = float(_was_shown(before))
    return found


def _popular(night: Night, before: Night, users: Keys) -> Lists:
    """What each of these users would have got without a list of their own that night.

    From tonight's snapshot, as of that night: its own may have been made under other settings, or
    be gone.
    """
    from recsys_tasks.stages.judging.window import fallback_matrix

    return fallback_matrix(night.snapshot, before.tonight, users)


def _was_shown(before: Night) -> bool:
    """Whether readers ever saw that night's publication: a hold or a failed check keeps one from
    them.
    """
    query = text("SELECT published_at IS NOT NULL FROM recsys.publication WHERE id = :id")
    plan = read_plan(before.lake, before.as_of)
    with before.engine.connect() as connection:
        return bool(connection.scalar(query, {"id": plan.publication_id}))
