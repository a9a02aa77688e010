"""What is measured after a publication: of the lists themselves, of those before, of the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from recsys_tasks.errors import DamagedArtifact, RecsysError
from recsys_tasks.ids import Keys
from recsys_tasks.monitoring.alarms import drift, list_churn
from recsys_tasks.monitoring.lists.churn import churn
from recsys_tasks.monitoring.lists.health import list_health
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.stages.monitoring.drift import event_drift, score_shape
from recsys_tasks.stages.monitoring.night_lists import Lists, NightLists
from recsys_tasks.stages.monitoring.realised import realised_figures

LISTS = "lists"
"""Scope of the figures of the night's own lists."""


@dataclass(frozen=True)
class Measured:
    """Scope → figures of a night; the lists before, where there are any; how many users have lists;
    and whether the same release made both nights' lists.
    """

    figures: Mapping[str, Mapping[str, float]]
    before: NightLists | None
    users: int
    same_release: bool


def measure_lists(snapshot: Snapshot, engine: Engine, tonight: NightLists) -> Measured:
    """Figures of tonight's lists, and of what users did with those of the night before.

    Raises ArtifactError where tonight's lists are gone, DamagedArtifact for any damaged file.
    """
    users, lists, rungs = tonight.read()
    counts = np.bincount(snapshot.events(before=snapshot.as_of).item, minlength=snapshot.n_items)
    on_offer = eligible_items(snapshot, snapshot.as_of)
    health = list_health(lists, rungs, counts, on_offer, snapshot.config.serving.k)
    figures: dict[str, Mapping[str, float]] = {LISTS: health}
    before = tonight.before()
    same_release = False
    if before is not None:
        earlier, same_release = _against(snapshot, engine, before, tonight, (users, lists))
        figures |= earlier
    figures[drift.SCOPE] = event_drift(snapshot) | (
        score_shape(before, tonight) if before is not None else {}
    )
    return Measured(figures, before, len(users), same_release)


def _against(
    snapshot: Snapshot,
    engine: Engine,
    before: NightLists,
    tonight: NightLists,
    users_and_lists: tuple[Keys, Lists],
) -> tuple[dict[str, dict[str, float]], bool]:
    """Scope → figures of the lists of the night before by what their users did, and how much
    tonight's differ from them; and whether the same release made both.
    """
    try:
        old_users, old_lists, _ = before.read()
    except DamagedArtifact:
        raise
    except RecsysError:
        return {}, False  # retention removed the lists, or that night never finished
    figures = realised_figures(snapshot, engine, before, old_users, old_lists)
    changed = churn(old_users, old_lists, *users_and_lists, snapshot.config.serving.k)
    figures[list_churn.SCOPE] = {"mean": float(changed.mean()) if len(changed) else 0.0}
    return figures, before.planned.release == tonight.planned.release
