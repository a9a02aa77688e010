"""The alert of a failed run, of an alarm, and of a settings file that is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

from recsys_tasks.dag_names import FIRST_DAG
from recsys_tasks.errors import ConfigError
from recsys_tasks.monitoring.alarms import Alarm, kind_of, runbook_link
from recsys_tasks.monitoring.alerts.alert import WRONG_SETTINGS, Alert, incident_id
from recsys_tasks.monitoring.alerts.rerun import remedy_then, retry_command, trigger_command
from recsys_tasks.monitoring.alerts.task_errors import FailedRun, FailedTask, describe_error, killed
from recsys_tasks.monitoring.alerts.wording import fit_to_send


def failure_alert(
    run: FailedRun, *, reader_state: str, runbooks: str, now: datetime, settings: str = ""
) -> Alert:
    """The alert of a failed run.

    `settings` is the settings file's path, to tell its mistakes from other ConfigErrors.
    """
    first = run.errors[0] if run.errors else _killed(run.tasks)
    names = [error.task for error in run.errors] or list(run.tasks) or ["unknown"]
    parts = [
        f"{run.dag} failed for {run.as_of or 'an unknown date'} at {', '.join(names[:5])}"
        f" ({first.error})"
    ]
    parts += [f"expected: {first.expected}", f"found: {first.found}", f"where: {first.where}"]
    again = retry_command(run.dag, run.run, run.as_of, first.error, now)
    return Alert(
        incident=incident_id(run.dag, run.run, run.started),
        raised_at=now.isoformat(timespec="milliseconds"),
        as_of=run.as_of,
        dag=run.dag,
        task=names[0],
        kind=first.error,
        severity="critical",
        message="\n".join(map(fit_to_send, parts)),
        reader_state=reader_state,
        remedy=remedy_then(first.remedy, again, dag=run.dag, as_of=run.as_of),
        runbook=runbook_link(first.error, runbooks),
        run=run.run,
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
        incident=incident_id("alarm", alarm.kind, alarm.metric, once or str(as_of)),
        raised_at=now.isoformat(timespec="milliseconds"),
        as_of=str(as_of),
        dag="",
        task="",
        kind=alarm.kind,
        severity=kind_of(alarm.kind).severity,
        message=(
            f"{fit_to_send(alarm.words)}\nmetric: {alarm.metric} = {alarm.value:.4g}, bound"
            f" {alarm.bound:g}"
        ),
        reader_state=reader_state,
        remedy=fit_to_send(remedy),
        runbook=runbook_link(alarm.kind, runbooks),
    )


def settings_alert(
    mistake: ConfigError,
    *,
    reader_state: str,
    runbooks: str,
    now: datetime,
    night: date,
    first: str = FIRST_DAG,
) -> Alert:
    """The alert of a settings file that is wrong, whether or not a night has failed by it yet.

    `night` is the one that started last by the schedule, `first` the id of its first DAG.
    """
    at = now.isoformat(timespec="milliseconds")
    parts = ["the settings file is wrong: no night can run", f"expected: {mistake.expected}"]
    parts += [f"found: {mistake.found}", f"where: {mistake.where}"]
    return Alert(
        incident=incident_id(WRONG_SETTINGS, str(now.date())),
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
            f" {trigger_command(night, first)}"
        ),
        runbook=runbook_link("ConfigError", runbooks),
        cause=WRONG_SETTINGS,
    )


def describe_readers(published: date | None, night: date, time_left: str = "") -> str:
    """One sentence on what readers see while `night` is missing. `published` is the night of their
    lists; `time_left` is said while they lack the night's.
    """
    left = f"; {time_left}" if time_left else ""
    if published is None:
        return f"readers have no lists yet: nothing was ever published{left}"
    behind = (night - published).days
    if behind <= 0:
        return f"readers have the lists of {published}, which are fresh"
    return (
        f"readers keep the lists of {published}, {behind} night{'s' if behind > 1 else ''} behind"
        f"{left}"
    )


def _cause(error: FailedTask, settings: str) -> str:
    """What else breaks by the same: a wrong settings file, or the server that does not answer."""
    if error.error == "ConfigError" and error.where == settings:
        return WRONG_SETTINGS
    if error.error != "TransientError":
        return ""
    server = re.search(r"://(?:[^/@\s]*@)?([^/?\s]+)", error.where)
    return f"outside {server[1] if server else error.where}"[:200]


def _killed(tasks: Sequence[str]) -> FailedTask:
    name = tasks[0] if tasks else "unknown"
    return describe_error(name, name, killed(name, "it was killed"))
