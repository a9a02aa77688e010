"""The gate found a release, or its evaluation, not to be trusted; raised by judge."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="gate_refused",
    title="A release was refused",
    runbook="release-refused.md",
)
