"""A task met a disk that is full or read-only."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="Unwritable",
    title="A disk cannot be written",
    runbook="disk-unwritable.md",
    severity="critical",
)
