"""What is measured after a publication: of the lists themselves, of those before, of the shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from recsys_tasks.errors import ArtifactError, DamagedArtifact
from recsys_tasks.ids import Keys
from recsys_tasks.monitoring.alarms import calibration, drift, list_churn
from recsys_tasks.monitoring.lists.churn import churn
from recsys_tasks.monitoring.lists.health import list_health
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.stages.monitoring.calibration import calibration_figures
from recsys_tasks.stages.monitoring.drift import event_drift, score_shape
from recsys_tasks.stages.monitoring.night_lists import Lists, NightLists
from recsys_tasks.stages.monitoring.realised import realised_figures
from recsys_tasks.stages.records import SliceFigure

LISTS = "lists"
"""Scope of the figures of the night's own lists."""


@dataclass(frozen=True)
class Measured:
    """Scope → figures of a night; the lists before, where there are any, and how groups of their
    users fared; how many users have lists; and whether the same release made both nights' lists.
    """

    figures: Mapping[str, Mapping[str, float]]
    before: NightLists | None
    slices: Sequence[SliceFigure]
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
    same_release, slices = False, []
    if before is not None and (old := _read(before)) is not None:
        figures[list_churn.SCOPE] = _churn(snapshot, old, (users, lists))
        realised = realised_figures(snapshot, engine, before, *old)
        figures |= realised.figures
        same_release, slices = before.planned.release == tonight.planned.release, realised.slices
    figures[drift.SCOPE] = event_drift(snapshot) | (
        score_shape(before, tonight) if before is not None else {}
    )
    figures[calibration.SCOPE] = calibration_figures(snapshot, engine, tonight)
    return Measured(figures, before, slices, len(users), same_release)


def _read(before: NightLists) -> tuple[Keys, Lists] | None:
    """Users and lists; None where retention removed them, or that night never finished. Raises
    DamagedArtifact.
    """
    try:
        users, lists, _ = before.read()
    except DamagedArtifact:
        raise
    except ArtifactError:
        return None
    return users, lists


def _churn(
    snapshot: Snapshot, old: tuple[Keys, Lists], now: tuple[Keys, Lists]
) -> dict[str, float]:
    changed = churn(*old, *now, snapshot.config.serving.k)
    return {"mean": float(changed.mean()) if len(changed) else 0.0}
