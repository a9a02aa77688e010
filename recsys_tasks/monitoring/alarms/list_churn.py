"""Too many places of the lists changed between two nights of one release; a monitor."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks.monitoring.alarms.figures import NightFigures
from recsys_tasks.monitoring.alarms.kind import Alarm, AlarmKind

SCOPE = "churn"


def look(night: NightFigures) -> Iterator[Alarm]:
    """An alarm when the mean churn exceeds `monitoring.max_list_churn` within one release."""
    bound, value = night.config.monitoring.max_list_churn, night.value(SCOPE, "mean")
    if night.same_release and value > bound:
        words = (
            f"{value:.0%} of list places changed since the last publication of the same release,"
            f" at most {bound:.0%} is normal: see what changed in tower or features"
        )
        yield Alarm(ALARM.name, "list_churn", bound, value, words)


ALARM = AlarmKind(
    name="list_churn", title="List churn is too high", runbook="list-churn.md", look=look
)
