"""Alert channels that are Airflow connections: Slack's incoming webhooks, and a generic JSON
webhook.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from recsys_tasks.config import AlertsConfig

log = logging.getLogger(__name__)
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 20  # a channel that takes its time has taken the message all the same

Send = Callable[[Any], None]


def channels(settings: AlertsConfig) -> tuple[dict[str, Send], list[str]]:
    """Senders of those configured connections that exist, and the names of those that cannot be
    looked up just now.

    Connections are looked up here, not when something is sent: channels send in threads of their
    own.
    """
    found: dict[str, Send] = {}
    unknown: list[str] = []
    for name, connection_id, sender in (
        ("slack", settings.slack_connection, _slack),
        ("webhook", settings.webhook_connection, _webhook),
    ):
        if not connection_id:
            continue
        try:
            connection = BaseHook.get_connection(connection_id)
            if (
                connection.host or connection.password
            ):  # an empty AIRFLOW_CONN_… variable is no connection
                found[name] = sender(connection_id, connection)
        except AirflowNotFoundException:
            continue
        except Exception as error:  # the other channel may be there
            log.warning("Connection %s cannot be read: %s", connection_id, type(error).__name__)
            unknown.append(name)
    return found, unknown


def _slack(connection_id: str, connection: Any) -> Send:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    hook = SlackWebhookHook(slack_webhook_conn_id=connection_id, timeout=_ANSWER_SECONDS)
    _ = hook.client  # looks the connection up, and keeps it

    def send(alert: Any) -> None:
        from http.client import HTTPException

        from recsys_tasks.monitoring.alerts.alert import as_text
        from recsys_tasks.monitoring.alerts.delivery import Unconfirmed
        from recsys_tasks.monitoring.alerts.wording import for_slack

        try:
            hook.send(text=for_slack(as_text(alert)), unfurl_links=False, unfurl_media=False)
        except (TimeoutError, ConnectionResetError, HTTPException) as error:
            raise Unconfirmed(type(error).__name__) from error

    return send


def _webhook(connection_id: str, connection: Any) -> Send:
    """POST the alert as JSON; the connection's password, where set, goes as a bearer token."""
    headers = {"Authorization": f"Bearer {connection.password}"} if connection.password else {}
    url = webhook_url(connection)

    def send(alert: Any) -> None:
        import httpx

        from recsys_tasks.monitoring.alerts.alert import as_payload
        from recsys_tasks.monitoring.alerts.delivery import Unconfirmed

        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        try:
            answer = httpx.post(url, json=as_payload(alert), headers=headers, timeout=timeout)
        except (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError) as error:
            raise Unconfirmed(type(error).__name__) from error
        if not answer.is_success:
            raise ConnectionError(
                f"HTTP {answer.status_code}"
            )  # httpx's own words hold the URL, which is a secret

    return send


def webhook_url(connection: Any) -> str:
    """The host when it is a whole URL, else schema, host, port and the extra field `path`."""
    host = connection.host or ""
    if "://" in host:
        return str(host)
    port = f":{connection.port}" if connection.port else ""
    path = str((connection.extra_dejson or {}).get("path", ""))
    return f"{connection.schema or 'https'}://{host}{port}/{path.lstrip('/')}"
