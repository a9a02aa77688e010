"""The warm-started tower lost to a cold one; raised by train_two_tower."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="control",
    title="Warm-start control failed",
    runbook="tower-control.md",
)
