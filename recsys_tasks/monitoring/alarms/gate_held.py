"""A release is better on the whole and worse for some users; raised by judge."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="gate_held",
    title="A release is held for a decision",
    runbook="release-held.md",
)
