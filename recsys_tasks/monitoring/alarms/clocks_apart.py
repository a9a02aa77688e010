"""The clocks of a machine and of PostgreSQL differ; raised as a stage begins, and by
watch_freshness.
"""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="clocks_apart",
    title="Clocks differ",
    runbook="clocks-differ.md",
    severity="critical",
)
