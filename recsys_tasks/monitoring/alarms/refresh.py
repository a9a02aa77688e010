"""Tonight's tower has lower recall than the version before it; raised by train_two_tower."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="refresh",
    title="The tower refresh got worse",
    runbook="tower-refresh.md",
)
