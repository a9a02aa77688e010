"""Which channels are configured, and where they send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.channels import Connection, open_channels
from recsys_tasks.monitoring.alerts.channels.slack import slack_url
from recsys_tasks.monitoring.alerts.channels.webhook import webhook_url


@dataclass
class Known:
    """A connection as Airflow has it."""

    host: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra_dejson: Mapping[str, Any] = field(default_factory=dict)
    login: str | None = None


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (Known("https://a.example/hook?x=1"), "https://a.example/hook?x=1"),
        (Known("a.example"), "https://a.example/"),
        (
            Known("a.example", schema="http", port=81, extra_dejson={"path": "/x"}),
            "http://a.example:81/x",
        ),
    ],
)
def test_a_webhook_is_a_whole_url_or_its_parts(connection: Known, url: str) -> None:
    assert webhook_url(connection) == url


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (Known(password="T/B/X"), "https://hooks.slack.com/services/T/B/X"),
        (Known("http://127.0.0.1:80/", "/T/B/X"), "http://127.0.0.1:80/T/B/X"),
        (Known("chat.example/hooks", "T", schema="http"), "http://chat.example/hooks/T"),
        (
            Known("ignored", " https://hooks.slack.com/services/T "),
            "https://hooks.slack.com/services/T",
        ),
        (Known("hooks.slack.com", " "), None),
    ],
)
def test_a_slack_webhook_is_a_whole_url_or_a_token(connection: Known, url: str | None) -> None:
    assert slack_url(connection) == url


def test_a_channel_is_there_where_its_connection_is() -> None:
    def only_webhook(name: str) -> Connection | None:
        return Known("a.example") if name == "alert_webhook" else None

    senders, unknown = open_channels(AlertsConfig(), only_webhook)
    assert (list(senders), unknown) == (["webhook"], [])
    assert open_channels(AlertsConfig(webhook_connection=None), only_webhook) == ({}, [])


def test_a_connection_that_cannot_be_looked_up_keeps_its_channel_waiting() -> None:
    def half_down(name: str) -> Connection | None:
        if name == "slack_alerts":
            raise ConnectionError("no answer")
        return Known("a.example")

    senders, unknown = open_channels(AlertsConfig(), half_down)
    assert (list(senders), unknown) == (["webhook"], ["slack"])
