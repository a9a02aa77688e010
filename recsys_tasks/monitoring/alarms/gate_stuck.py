"""No release passed the gate for several judged nights in a row; raised by judge."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="gate_stuck",
    title="A release was refused",
    runbook="release-refused.md",
    severity="critical",
)
