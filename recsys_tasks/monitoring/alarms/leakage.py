"""Something was about to be learned from what happened after its cutoff."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="LeakageError",
    title="Data leakage detected",
    runbook="leakage.md",
    severity="critical",
)
