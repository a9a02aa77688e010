"""Readers lost a right, or may write; raised by watch_freshness."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="permissions",
    title="Readers' rights are wrong",
    runbook="readers-rights.md",
)
