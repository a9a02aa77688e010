"""Rows were delivered for days that no night reads any more; raised by validate_data."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="late_rows",
    title="Rows arrived too late to be read",
    runbook="late-rows.md",
)
