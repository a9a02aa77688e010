"""Alerts: one clear message an incident. What broke, what readers see now, what to do, where to
read more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from recsys_tasks.errors import ConfigError
from recsys_tasks.monitoring.alerts.alarm import Alarm
from recsys_tasks.monitoring.alerts.incidents import FailedTask
from recsys_tasks.monitoring.alerts.wording import calling_nobody, fit_to_send

Severity = Literal["critical", "warning", "info"]

FIRST = "validate_data"
PUBLISHING = (FIRST, "train_two_tower", "build_index", "train_ranker", "precompute_recommendations")
"""DAGs that stand between the shop's rows and the published lists, in order."""
CHAIN = (*PUBLISHING, "monitor_recommendations")
"""DAGs of a night; each of their runs has a date."""
WRONG_SETTINGS = "settings"
"""Cause of whatever a wrong settings file breaks: one alert for all of it."""


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
    run: str = ""
    """Airflow's run id, where a run failed."""
    cause: str = ""
    """What broke beyond this run, such as a server that is down; see `Spool.add` on what is one
    incident with it.
    """
    status: Literal["open", "resolved"] = "open"
    """resolved: the message that it is over, to those channels that took the alert."""


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
    settings: str = "",
) -> Alert:
    """The alert of a failed run. `tasks` names failed tasks when none left an error (killed, out of
    memory).

    `settings` is the settings file's path, to tell its mistakes from other ConfigErrors.
    """
    first = errors[0] if errors else _killed(tasks)
    names = [error.task for error in errors] or list(tasks) or ["unknown"]
    parts = [
        f"{dag} failed for {as_of or 'an unknown date'} at {', '.join(names[:5])} ({first.error})"
    ]
    parts += [f"expected: {first.expected}", f"found: {first.found}", f"where: {first.where}"]
    return Alert(
        incident=_incident(dag, run, started),
        raised_at=now.isoformat(timespec="milliseconds"),
        as_of=as_of,
        dag=dag,
        task=names[0],
        kind=first.error,
        severity="critical",
        message="\n".join(map(fit_to_send, parts)),
        reader_state=reader_state,
        remedy=f"{fit_to_send(first.remedy)}; then: {_again(dag, run, as_of, first.error, now)}",
        runbook=f"{runbooks}/{runbook_for(first.error)}",
        run=run,
        cause=_cause(first, settings),
    )


def alarm_alert(
    alarm: Alarm,
    *,
    as_of: date,
    reader_state: str,
    remedy: str,
    runbooks: str,
    now: datetime,
    once: str = "",
) -> Alert:
    """The alert of an alarm: nothing failed, but a metric went past its bound. One a night and
    metric.

    `once` names what it comes once for instead, however many nights that lasts.
    """
    return Alert(
        incident=_incident("alarm", alarm.kind, alarm.metric, once or str(as_of)),
        raised_at=now.isoformat(timespec="milliseconds"),
        as_of=str(as_of),
        dag="",
        task="",
        kind=alarm.kind,
        severity="critical" if alarm.kind in _CRITICAL else "warning",
        message=(
            f"{fit_to_send(alarm.words)}\nmetric: {alarm.metric} = {alarm.value:.4g}, bound"
            f" {alarm.bound:g}"
        ),
        reader_state=reader_state,
        remedy=fit_to_send(remedy),
        runbook=f"{runbooks}/{runbook_for(alarm.kind)}",
    )


def settings_alert(
    mistake: ConfigError, *, reader_state: str, runbooks: str, now: datetime
) -> Alert:
    """The alert of a settings file that is wrong, whether or not a night has failed by it yet."""
    at = now.isoformat(timespec="milliseconds")
    parts = ["the settings file is wrong: no night can run", f"expected: {mistake.expected}"]
    parts += [f"found: {mistake.found}", f"where: {mistake.where}"]
    return Alert(
        incident=_incident(WRONG_SETTINGS, str(now.date())),
        raised_at=at,
        as_of="",
        dag="",
        task="",
        kind="ConfigError",
        severity="critical",
        message="\n".join(map(fit_to_send, parts)),
        reader_state=reader_state,
        remedy=(
            f"{fit_to_send(mistake.remedy)}; then, where a night failed meanwhile:"
            f" {trigger_command(now.date())}"
        ),
        runbook=f"{runbooks}/{runbook_for('ConfigError')}",
        cause=WRONG_SETTINGS,
    )


def resolved_notice(alert: Alert, words: str, at: str) -> Alert:
    """The message that an incident is over; it keeps the incident's name."""
    return Alert(
        **{
            **vars(alert),
            "raised_at": at,
            "severity": "info",
            "message": f"resolved: {alert.message.splitlines()[0]}",
            "reader_state": words,
            "remedy": "nothing is left to do",
            "status": "resolved",
        }
    )


def trigger_command(night: date | str, dag: str = FIRST) -> str:
    """The command that runs a night by its date."""
    return f"""airflow dags trigger {dag} --conf '{{"as_of": "{night}"}}'"""


def _again(dag: str, run: str, as_of: str, error: str, now: datetime) -> str:
    """The command that runs it again: the data anew from its first task, other chains from the task
    that failed.

    A night's run without a date would fail again for the same reason: that one is started anew,
    with a date. What an earlier DAG left out or broke is made by the night's first DAG and those
    after it; what is whole is reused.
    """
    if not as_of and dag in CHAIN:
        return f"{trigger_command(now.date(), dag)} (with the date of the night that is meant)"
    if error in ("ArtifactError", "DamagedArtifact") and dag in CHAIN:
        return trigger_command(as_of)
    only_failed = "" if dag == FIRST else " --only-failed"
    return f"airflow dags clear --yes{only_failed} --run-id {run} {dag}"


def _cause(error: FailedTask, settings: str) -> str:
    """What else breaks by the same: a wrong settings file, or the server that does not answer."""
    if error.error == "ConfigError" and error.where == settings:
        return WRONG_SETTINGS
    if error.error != "TransientError":
        return ""
    server = re.search(r"://(?:[^/@\s]*@)?([^/?\s]+)", error.where)
    return f"outside {server[1] if server else error.where}"[:200]


def describe_readers(published: date | None, night: date) -> str:
    """One sentence on what readers see while `night` is missing. `published` is the night of their
    lists.
    """
    if published is None:
        return "readers have no lists yet: nothing was ever published"
    behind = (night - published).days
    if behind <= 0:
        return f"readers have the lists of {published}, which are fresh"
    return (
        f"readers keep the lists of {published}, {behind} night{'s' if behind > 1 else ''} behind"
    )


def as_text(alert: Alert) -> str:
    """The alert in lines, for a chat channel or a terminal."""
    return "\n".join(
        [
            f"[{alert.severity if alert.status == 'open' else 'resolved'}] {alert.message}",
            f"readers: {alert.reader_state}",
            f"to do: {alert.remedy}",
            f"runbook: {alert.runbook}",
        ]
    )


def as_payload(alert: Alert) -> dict[str, str]:
    """The alert's fields for a webhook; nothing in them calls a channel when its receiver passes
    them on.
    """
    return {name: calling_nobody(str(value)) for name, value in vars(alert).items()}


_CRITICAL = ("stale", "missed_night", "paused", "gate_stuck")
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
    "Down": "part-down.md",
    "refresh": "tower-refresh.md",
    "control": "tower-control.md",
    "stale": "lists-stale.md",
    "missed_night": "night-missed.md",
    "paused": "night-missed.md",
    "held": "lists-held.md",
    "approval": "approval-waiting.md",
    "drift": "drift.md",
    "index_recall": "index-recall.md",
    "list_churn": "list-churn.md",
    "quality_drop": "quality-drop.md",
    "gate_refused": "release-refused.md",
    "gate_held": "release-held.md",
    "gate_stuck": "release-refused.md",
    "late_rows": "late-rows.md",
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
