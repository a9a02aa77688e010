"""An alert channel did not take the fire drill's test message; raised by the DAG fire_drill."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="channel_refused",
    title="An alert channel takes no messages",
    runbook="channel-refused.md",
    severity="critical",
)
