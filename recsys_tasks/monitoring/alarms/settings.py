"""The settings file, or an installed extension, cannot be used."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="ConfigError",
    title="The settings file is invalid",
    runbook="settings-wrong.md",
    severity="critical",
)
