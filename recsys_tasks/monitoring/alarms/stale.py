"""Readers have seen the same lists for too long; raised by watch_freshness."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="stale",
    title="The lists are stale",
    runbook="lists-stale.md",
    severity="critical",
)
