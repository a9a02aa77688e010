"""An error of a class that no other kind names."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="unexpected",
    title="An unexpected error occurred",
    runbook="unexpected-error.md",
    severity="critical",
)
