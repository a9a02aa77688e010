"""A data check warns that did not warn the night before; raised by validate_data."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="data_warning",
    title="A data check warns",
    runbook="data-warning.md",
)
