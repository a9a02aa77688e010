"""The mix of events or the scores of the lists changed their shape; a monitor."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks.monitoring.alarms.figures import NightFigures
from recsys_tasks.monitoring.alarms.kind import Alarm, AlarmKind

SCOPE = "drift"
"""Scope of the night's population stability indices; see `snapshot.checks.stability`."""


def look(night: NightFigures) -> Iterator[Alarm]:
    """An alarm for each index above `monitoring.max_psi`; NaN (nothing to compare) is none."""
    bound = night.config.monitoring.max_psi
    for metric, value in night.tonight.get(SCOPE, {}).items():
        if value > bound:
            words = (
                f"{metric} drifted: PSI {value:.2f} against the weeks before, above {bound:.2f};"
                " look for a change in the shop, the tracking or the model before trusting the"
                " lists"
            )
            yield Alarm(ALARM.name, metric, bound, value, words)


ALARM = AlarmKind(name="drift", title="Data drift detected", runbook="drift.md", look=look)
