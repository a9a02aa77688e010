"""A part of the local stack does not stay up; raised by the launcher."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="Down",
    title="A service does not stay up",
    runbook="part-down.md",
    severity="critical",
)
