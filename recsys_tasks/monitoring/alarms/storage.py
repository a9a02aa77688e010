"""A file system of the home or the lake is almost full; raised by watch_freshness."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="storage",
    title="Storage is almost full",
    runbook="storage-low.md",
    remedy="recsys maintain",
)
