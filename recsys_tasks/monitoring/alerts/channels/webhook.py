"""A generic webhook: the alert's fields as JSON, by an Airflow connection of the type `http`."""

from __future__ import annotations

from dataclasses import dataclass

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.alert import Alert, as_payload
from recsys_tasks.monitoring.alerts.channels.channel import Connection, ConnectionOf, Send
from recsys_tasks.monitoring.alerts.channels.http import post_json


@dataclass(frozen=True)
class Webhook:
    """The connection of the setting `alerts.webhook_connection`, where it exists."""

    name: str = "webhook"

    def open(self, settings: AlertsConfig, connection_of: ConnectionOf) -> Send | None:
        """See `Channel`. The connection's password, where set, goes as a bearer token."""
        if not settings.webhook_connection:
            return None
        connection = connection_of(settings.webhook_connection)
        return None if connection is None else _sender(webhook_url(connection), connection.password)


def webhook_url(connection: Connection) -> str:
    """The host when it is a whole URL, else schema, host, port and the extra field `path`."""
    host = connection.host or ""
    if "://" in host:
        return str(host)
    port = f":{connection.port}" if connection.port else ""
    path = str((connection.extra_dejson or {}).get("path", ""))
    return f"{connection.schema or 'https'}://{host}{port}/{path.lstrip('/')}"


def _sender(url: str, token: str | None) -> Send:
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(alert: Alert) -> None:
        post_json(url, as_payload(alert), headers)

    return send


CHANNEL = Webhook()
