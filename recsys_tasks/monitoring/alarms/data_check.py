"""A check of the delivered data failed: the night stops before anything is learned from it."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="ValidationFailed",
    title="A data check failed",
    runbook="data-check-failed.md",
    severity="critical",
    also=("SchemaError", "NotEnoughData"),
)
