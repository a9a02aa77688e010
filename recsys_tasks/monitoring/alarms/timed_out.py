"""A stage took longer than it may, in every try."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="TimedOut",
    title="A stage took too long",
    runbook="stage-too-long.md",
    severity="critical",
)
