"""A task ended without an error of its own, as when memory runs out."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="Killed",
    title="A task was killed",
    runbook="task-killed.md",
    severity="critical",
)
