"""Slack's incoming webhooks, as an Airflow connection of the type `slackwebhook`."""

from __future__ import annotations

from dataclasses import dataclass

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.alert import Alert, as_text
from recsys_tasks.monitoring.alerts.channels.channel import (
    ANSWER_SECONDS,
    Connection,
    ConnectionOf,
    Send,
    Unconfirmed,
)
from recsys_tasks.monitoring.alerts.wording import for_slack


@dataclass(frozen=True)
class Slack:
    """The connection of the setting `alerts.slack_connection`, where it exists."""

    name: str = "slack"

    def open(self, settings: AlertsConfig, connection_of: ConnectionOf) -> Send | None:
        """See `Channel`."""
        if not settings.slack_connection:
            return None
        connection = connection_of(settings.slack_connection)
        url = slack_url(connection) if connection is not None else None
        return None if connection is None or url is None else _sender(url, _proxy(connection))


def slack_url(connection: Connection) -> str | None:
    """The webhook's URL: the password, where it is a whole URL, else the password as token below
    the host; None without a password.
    """
    token = (connection.password or "").strip()
    if not token or "://" in token:
        return token or None
    base = connection.host or ""
    if "://" not in base:
        base = f"{connection.schema or 'https'}://{base or 'hooks.slack.com/services'}"
    return f"{base.rstrip('/')}/{token.lstrip('/')}".rstrip("/")


def _proxy(connection: Connection) -> str | None:
    extra = connection.extra_dejson
    return extra.get("proxy") or extra.get("extra__slackwebhook__proxy") or None


def _sender(url: str, proxy: str | None) -> Send:
    from slack_sdk.webhook import WebhookClient

    client = WebhookClient(url, timeout=ANSWER_SECONDS, proxy=proxy)

    def send(alert: Alert) -> None:
        from http.client import HTTPException, InvalidURL

        from slack_sdk.errors import SlackClientError

        text = for_slack(as_text(alert))
        try:
            answer = client.send(text=text, unfurl_links=False, unfurl_media=False)
        except (SlackClientError, InvalidURL, UnicodeError) as error:
            # never sent, and their words quote the URL, which is a secret
            raise ConnectionError(f"{type(error).__name__}: wrong password or host") from None
        except (TimeoutError, ConnectionResetError, HTTPException) as error:
            raise Unconfirmed(type(error).__name__) from error
        if answer.status_code != 200:
            raise ConnectionError(f"HTTP {answer.status_code}: {answer.body[:200]}")

    return send


CHANNEL = Slack()
