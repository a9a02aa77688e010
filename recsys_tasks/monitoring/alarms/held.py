"""A person's hold keeps later lists from readers; raised by watch_freshness."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="held",
    title="Readers are held on earlier lists",
    runbook="lists-held.md",
)
