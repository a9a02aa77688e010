"""A DAG of the night is paused or cannot be imported; raised by watch_freshness."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="paused",
    title="A night was missed",
    runbook="night-missed.md",
    severity="critical",
)
