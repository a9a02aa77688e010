"""An artifact of the lake is missing or damaged."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms.kind import AlarmKind

ALARM = AlarmKind(
    name="ArtifactError",
    title="An artifact is missing or damaged",
    runbook="artifact-missing.md",
    severity="critical",
    also=("DamagedArtifact",),
)
