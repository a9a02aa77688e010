"""Alerts: one clear message an incident. What broke, what readers see now, what to do, where to read more."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from recsys_tasks.monitoring.alarm import Alarm
from recsys_tasks.monitoring.incidents import FailedTask

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Alert:
    """One incident, as a person on call reads it."""

    incident: str
    """Unique name of the incident; a second alert of the same incident is dropped."""
    raised_at: str
    """UTC time, ISO-8601."""
    as_of: str
    """The night concerned, YYYY-MM-DD, or empty."""
    dag: str
    task: str
    kind: str
    """Name of the error class, or of the alarm; picks the runbook."""
    severity: Severity
    message: str
    """What broke."""
    reader_state: str
    """What readers of the lists see now."""
    remedy: str
    """The command to run."""
    runbook: str


# --- building the message ------------------------------------------------------------------------


def failure_alert(
    *,
    dag: str,
    run: str,
    started: str,
    as_of: str,
    errors: Sequence[FailedTask],
    tasks: Sequence[str],
    reader_state: str,
    runbooks: str,
    now: datetime,
) -> Alert:
    """The alert of a failed run. `tasks` names failed tasks when none left an error (killed, out of memory)."""
    first = errors[0] if errors else _killed(tasks)
    names = [error.task for error in errors] or list(tasks) or ["unknown"]
    parts = [f"{dag} failed for {as_of or 'an unknown date'} at {', '.join(names[:5])} ({first.error})"]
    parts += [f"expected: {first.expected}", f"found: {first.found}", f"where: {first.where}"]
    return Alert(
        incident=_incident(dag, run, started),
        raised_at=now.isoformat(timespec="seconds"),
        as_of=as_of,
        dag=dag,
        task=names[0],
        kind=first.error,
        severity="critical",
        message="\n".join(parts),
        reader_state=reader_state,
        remedy=f"{first.remedy}; then: {_again(dag, run)}",
        runbook=f"{runbooks}/{runbook_for(first.error)}",
    )


def alarm_alert(alarm: Alarm, *, as_of: date, reader_state: str, remedy: str, runbooks: str, now: datetime) -> Alert:
    """The alert of an alarm: nothing failed, but a metric went past its bound. One a night and metric."""
    return Alert(
        incident=_incident("alarm", alarm.kind, alarm.metric, str(as_of)),
        raised_at=now.isoformat(timespec="seconds"),
        as_of=str(as_of),
        dag="",
        task="",
        kind=alarm.kind,
        severity="critical" if alarm.kind in _CRITICAL else "warning",
        message=f"{alarm.words}\nmetric: {alarm.metric} = {alarm.value:.4g}, bound {alarm.bound:g}",
        reader_state=reader_state,
        remedy=remedy,
        runbook=f"{runbooks}/{runbook_for(alarm.kind)}",
    )


def _again(dag: str, run: str) -> str:
    """The command that runs it again: the data anew from its first task, other chains from the task that failed."""
    only_failed = "" if dag == "validate_data" else " --only-failed"
    return f"airflow dags clear --yes{only_failed} --run-id {run} {dag}"


def describe_readers(published: date | None, night: date) -> str:
    """One sentence on what readers see while `night` is missing. `published` is the night of their lists."""
    if published is None:
        return "readers have no lists yet: nothing was ever published"
    behind = (night - published).days
    if behind <= 0:
        return f"readers have the lists of {published}, which are fresh"
    return f"readers keep the lists of {published}, {behind} night{'s' if behind > 1 else ''} behind"


def as_text(alert: Alert) -> str:
    """The alert in lines, for a chat channel or a terminal."""
    return "\n".join(
        [
            f"[{alert.severity}] {alert.message}",
            f"readers: {alert.reader_state}",
            f"to do: {alert.remedy}",
            f"runbook: {alert.runbook}",
        ]
    )


_CRITICAL = ("stale", "gate_stuck")
_RUNBOOKS = {
    "ValidationFailed": "data-check-failed.md",
    "SchemaError": "data-check-failed.md",
    "NotEnoughData": "data-check-failed.md",
    "ConfigError": "settings-wrong.md",
    "LeakageError": "leakage.md",
    "ArtifactError": "artifact-missing.md",
    "DamagedArtifact": "artifact-missing.md",
    "ServingError": "publication-refused.md",
    "TransientError": "outside-world-failed.md",
    "Killed": "task-killed.md",
    "refresh": "tower-refresh.md",
    "control": "tower-control.md",
    "stale": "lists-stale.md",
    "drift": "drift.md",
    "index_recall": "index-recall.md",
    "list_churn": "list-churn.md",
    "quality_drop": "quality-drop.md",
    "gate_refused": "release-refused.md",
    "gate_held": "release-held.md",
    "gate_stuck": "release-refused.md",
}


def runbook_for(kind: str) -> str:
    """File name of the runbook for an error class or an alarm."""
    return _RUNBOOKS.get(kind, "unexpected-error.md")


def _killed(tasks: Sequence[str]) -> FailedTask:
    name = tasks[0] if tasks else "unknown"
    return FailedTask(
        task=name,
        stage=name,
        error="Killed",
        expected="the task to end by itself",
        found="it was killed without an error, as when memory ran out",
        where=name,
        remedy="see how much memory the machine had, lower resources.threads or batch sizes",
    )


def _incident(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
