"""No index reaches its recall floor; raised by build_index."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="index_recall",
    title="Index recall is below its floor",
    runbook="index-recall.md",
)
