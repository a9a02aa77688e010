"""PagerDuty's Events API v2: an incident of ours is one of theirs, opened and resolved by its name.

An Airflow connection whose password is the integration's routing key, of any type; its host, where
it has one, stands in for https://events.pagerduty.com. Source: PagerDuty, Events API v2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.alert import DRILL, Alert
from recsys_tasks.monitoring.alerts.channels.channel import Connection, ConnectionOf, Send
from recsys_tasks.monitoring.alerts.channels.http import post_json

_LONGEST_SUMMARY = 1024
_ACTIONS = {"open": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}


@dataclass(frozen=True)
class PagerDuty:
    """The connection of the setting `alerts.pagerduty_connection`, where it exists."""

    name: str = "pagerduty"

    def open(self, settings: AlertsConfig, connection_of: ConnectionOf) -> Send | None:
        """See `Channel`."""
        if not settings.pagerduty_connection:
            return None
        connection = connection_of(settings.pagerduty_connection)
        key = (connection.password or "").strip() if connection is not None else ""
        return _sender(_url(connection), key) if connection is not None and key else None


def _url(connection: Connection) -> str:
    host = connection.host or "events.pagerduty.com"
    return f"{host if '://' in host else f'https://{host}'}".rstrip("/") + "/v2/enqueue"


def _sender(url: str, key: str) -> Send:
    def send(alert: Alert) -> None:
        post_json(url, _event(alert, key))
        if alert.kind == DRILL:  # a test leaves no open incident
            post_json(url, _event(replace(alert, status="resolved"), key))

    return send


def _event(alert: Alert, key: str) -> dict[str, Any]:
    """The same incident twice is one of PagerDuty's, by its `dedup_key`."""
    event: dict[str, Any] = {
        "routing_key": key,
        "event_action": _ACTIONS[alert.status],
        "dedup_key": alert.incident,
        "payload": {
            "summary": alert.message.splitlines()[0][:_LONGEST_SUMMARY],
            "source": alert.dag or "nightshelf",
            "severity": alert.severity,
            "timestamp": alert.raised_at,
            "group": alert.as_of,
            "class": alert.kind,
            "custom_details": {
                "what broke": alert.message,
                "readers": alert.reader_state,
                "to do": alert.remedy,
                "runbook": alert.runbook,
            },
        },
    }
    if "://" in alert.runbook:
        event["links"] = [{"href": alert.runbook, "text": "runbook"}]
    return event


CHANNEL = PagerDuty()
