"""The night's figures handed to every monitor, built in or installed, and its alarms raised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from recsys_tasks.monitoring.alarms import ALARMS, NightFigures
from recsys_tasks.monitoring.alarms.figures import REALISED, WEEKS
from recsys_tasks.monitoring.lists.recorded import recorded_figures
from recsys_tasks.stages.alarms import raise_alarm
from recsys_tasks.stages.night import Night


def night_figures(
    night: Night,
    before: Night | None,
    measured: Mapping[str, Mapping[str, float]],
    *,
    same_release: bool,
) -> NightFigures:
    """What tonight measured, what other stages recorded of the night, and four weeks before."""
    oldest = (before or night).as_of - timedelta(weeks=WEEKS)
    earlier = recorded_figures(night.engine, oldest, night.as_of)
    recorded = {
        scope: figures
        for scope, figures in earlier.pop(night.as_of, {}).items()
        if not scope.startswith(REALISED)  # those in the table are of tonight's own lists
    }
    return NightFigures(
        as_of=night.as_of,
        config=night.config,
        tonight={**recorded, **measured},
        earlier=earlier,
        realised_of=before.as_of if before is not None else None,
        same_release=same_release,
    )


def raise_alarms(night: Night, figures: NightFigures) -> int:
    """Raise the alarms of every monitor, the built-in ones first; how many there were."""
    raised = 0
    for kind in ALARMS:
        for alarm in kind.look(figures) if kind.look is not None else ():
            raise_alarm(night, alarm, kind.remedy)
            raised += 1
    return raised
