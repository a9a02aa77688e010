"""Alerts: one clear message for each incident. What broke, what readers see now, what to do, where
to read more.

The way of an alert, in the order of the modules:

1. `monitoring.alarms`: an alarm, or the error of a failed task (`task_errors`), and what is known
   of its kind.
2. `build`: the alert of it, this module's value, with texts that are safe to send (`wording`).
3. `spool`: a file each, so that no outage loses one; alerts of one incident become one.
4. `delivery`: each message once to every channel (`channels`), and to `table` for `recsys.alerts`;
   `attempts` says what each of them lacks.
5. `settling`: which incidents are over, of which the channels hear too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

from recsys_tasks.monitoring.alarms import Severity
from recsys_tasks.monitoring.alerts.wording import calling_nobody, fit_to_send

DIGEST, DRILL = "digest", "drill"
"""Kinds of the messages that are no incident: alerts that could wait, and the test of a channel."""
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
    status: Literal["open", "acknowledged", "resolved"] = "open"
    """To those channels that took the alert: acknowledged, that a person is at it; resolved, that
    it is over.
    """


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


def acknowledged_notice(alert: Alert, who: str, note: str, at: str) -> Alert:
    """The message that a person is at an incident; it keeps the incident's name."""
    words = f"{who} is at it: {alert.message.splitlines()[0]}"
    return replace(
        alert,
        raised_at=at,
        message=fit_to_send(f"{words}\nnote: {note}" if note else words),
        status="acknowledged",
    )


def as_text(alert: Alert) -> str:
    """The alert in lines, for a chat channel or a terminal."""
    return "\n".join(
        [
            f"[{alert.severity if alert.status == 'open' else alert.status}] {alert.message}",
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


def incident_id(*parts: str) -> str:
    """The name of the incident that these parts describe: the same in every process."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
