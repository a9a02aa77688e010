"""A release waits for a person to agree; raised by train_ranker."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="approval",
    title="A release waits for approval",
    runbook="approval-waiting.md",
)
