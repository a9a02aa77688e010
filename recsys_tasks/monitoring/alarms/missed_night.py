"""A night's lists are not there when they are due; raised by watch_freshness."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="missed_night",
    title="A night was missed",
    runbook="night-missed.md",
    severity="critical",
)
