"""A database, disk or network did not answer, after every retry."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="TransientError",
    title="An external system failed",
    runbook="outside-world-failed.md",
    severity="critical",
)
