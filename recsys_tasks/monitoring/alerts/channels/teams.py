"""Microsoft Teams: a card to the URL of a workflow that posts to a channel.

An Airflow connection whose password is that whole URL. Source: Microsoft, "Create incoming webhooks
with Workflows for Microsoft Teams".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.alert import Alert, as_text
from recsys_tasks.monitoring.alerts.channels.channel import ConnectionOf, Send
from recsys_tasks.monitoring.alerts.channels.http import post_json
from recsys_tasks.monitoring.alerts.wording import calling_nobody


@dataclass(frozen=True)
class Teams:
    """The connection of the setting `alerts.teams_connection`, where it exists."""

    name: str = "teams"

    def open(self, settings: AlertsConfig, connection_of: ConnectionOf) -> Send | None:
        """See `Channel`."""
        if not settings.teams_connection:
            return None
        connection = connection_of(settings.teams_connection)
        url = (connection.password or "").strip() if connection is not None else ""
        return _sender(url) if url else None


def _sender(url: str) -> Send:
    def send(alert: Alert) -> None:
        post_json(url, _card(alert))

    return send


def _card(alert: Alert) -> dict[str, Any]:
    """An adaptive card: a heading, then a line each for readers, remedy and runbook."""
    lines = calling_nobody(as_text(alert)).splitlines()
    blocks = [
        {
            "type": "TextBlock",
            "text": line,
            "wrap": True,
            "weight": "bolder" if first else "default",
        }
        for first, line in ((number == 0, line) for number, line in enumerate(lines))
    ]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": content}]}


CHANNEL = Teams()
