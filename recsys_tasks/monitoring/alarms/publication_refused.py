"""A check of the loaded lists failed: they are not shown."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="ServingError",
    title="A publication was refused",
    runbook="publication-refused.md",
    severity="critical",
)
