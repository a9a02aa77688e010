"""Calibration in production: what published scores said beside what came true of their places."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from sqlalchemy import Engine, text

from recsys_tasks import metrics
from recsys_tasks.clock import parse_day, start_of
from recsys_tasks.errors import ArtifactError, DamagedArtifact
from recsys_tasks.gate.calibration import Fulfilled, calibration_ratio
from recsys_tasks.metrics import Floats
from recsys_tasks.ranking.models.release_summary import objective_shares
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.stages.monitoring.night_lists import NightLists
from recsys_tasks.stages.serving_state import release_facts

MOST_WINDOWS = 4
"""Label windows back within which nights are looked for: where a window is a week, four weeks."""
_SHOWN = text(
    "SELECT published_at IS NOT NULL AND calibrated FROM recsys.publication WHERE id = :id"
)

Places = tuple[Floats, Floats]
"""`[p]` each: the scores of places that are chances, and how far each place came true."""


def calibration_figures(
    snapshot: Snapshot, engine: Engine, tonight: NightLists
) -> dict[str, float]:
    """Figures of the newest lists whose label window has ended and, where their places are too few
    to judge by, of earlier ones with them; nothing where there are no such lists.

    Raises DamagedArtifact.
    """
    enough = snapshot.config.monitoring.calibration_positives
    found: list[Places] = []
    for places in _trailing(snapshot, engine, tonight):
        found.append(places)
        if _positives(found) >= enough:
            break
    if not found:
        return {}
    scores, outcomes = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    error = ratio = float("nan")
    if _positives(found) >= enough:
        error = metrics.calibration_error(scores, outcomes)
        of_bins = calibration_ratio(metrics.reliability(scores, outcomes))
        ratio = math.inf if of_bins is None else of_bins  # they said nothing would come true
    return {
        "nights": float(len(found)),
        "places": float(len(scores)),
        "said": float(scores.mean()),
        "came_true": float(outcomes.mean()),
        "calibration_error": error,
        "calibration_ratio": ratio,
    }


def _positives(found: list[Places]) -> float:
    """Places that came true, or as many as should have by their scores, whichever is more: of
    chances that never come true there is nothing to wait for.
    """
    return max(sum(float(of.sum()) for of in kind) for kind in zip(*found, strict=True))


def _trailing(snapshot: Snapshot, engine: Engine, tonight: NightLists) -> Iterator[Places]:
    """Places of nights whose label windows have ended, the newest first. No two windows overlap:
    one event would count as two.
    """
    window = snapshot.config.label_window_days
    days, last = window, window * (MOST_WINDOWS + 1) - 1
    while days <= last:
        night = tonight.days_before(days)
        places = _places(snapshot, engine, night) if night is not None else None
        if places is not None:
            yield places
        days += 1 if places is None else window


def _places(snapshot: Snapshot, engine: Engine, night: NightLists) -> Places | None:
    """A night's places; None where readers saw no chances of it, where those meant something else
    than tonight's do, and where its lists or its release are gone. Raises DamagedArtifact.
    """
    try:
        if not (_saw_chances(engine, night) and _meant_the_same(snapshot, night)):
            return None
        users, lists, _ = night.read()
        chances = night.chances()
    except DamagedArtifact:
        raise
    except ArtifactError:
        return None
    known = ~np.isnan(chances)
    if not known.any():
        return None
    since, before = night.as_of, night.as_of + timedelta(snapshot.config.label_window_days)
    happened = snapshot.events(since=since, before=before)
    window = Fulfilled.between(snapshot, happened, start_of(since), start_of(before), users)
    return chances[known].astype(float), window.came_true(lists)[known]


def _saw_chances(engine: Engine, night: NightLists) -> bool:
    """Whether readers ever saw the night's lists, with scores."""
    if night.planned.release is None:
        return False
    with engine.connect() as connection:
        return bool(connection.scalar(_SHOWN, {"id": night.planned.publication_id}))


def _meant_the_same(snapshot: Snapshot, night: NightLists) -> bool:
    """Whether the release learned tonight's objectives, within tonight's label window."""
    release = night.lake.get(night.planned.release or "")
    facts = release_facts(release)
    learned = parse_day(str(facts["as_of"])) - parse_day(str(facts["gate_cutoff"]))
    same_window = learned == timedelta(snapshot.config.label_window_days)
    return same_window and facts["objectives"] == objective_shares(snapshot.config)
