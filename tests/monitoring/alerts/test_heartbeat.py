"""The call after a good night: where it goes, and that it never breaks the night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.channels import Connection
from recsys_tasks.monitoring.alerts.heartbeat import beat
from tests.airflow.recorder import Recorder
from tests.monitoring.alerts.channels.test_channels import Known

NIGHT = date(2026, 3, 2)


@pytest.fixture
def service() -> Iterator[Recorder]:
    opened = Recorder()
    yield opened
    opened.stop()


def call(connection: Known | None, **settings: str | None) -> str:
    def connection_of(name: str) -> Connection | None:
        return connection if name == "heartbeat" else None

    return beat(AlertsConfig.model_validate(settings), connection_of, NIGHT)


def test_the_night_is_posted_to_the_url_of_the_connection(service: Recorder) -> None:
    assert call(Known(password=f"{service.base}/ping/secret")) == "heartbeat sent"
    assert call(Known(f"{service.base}/host")) == "heartbeat sent"
    assert [path for path, _, _ in service.received] == ["/ping/secret", "/host"]
    assert service.bodies[0] == {"as_of": "2026-03-02", "status": "published"}


def test_nothing_is_called_without_a_connection() -> None:
    assert call(None) == ""
    assert call(Known("a.example"), heartbeat_connection=None) == ""


def test_a_service_that_is_down_or_refuses_breaks_nothing_and_is_said(service: Recorder) -> None:
    service.answers = [500]
    said = call(Known(password=f"{service.base}/ping/secret"))
    assert said == "heartbeat: not sent: ConnectionError: HTTP 500"
    gone = call(Known(password="http://127.0.0.1:9/ping/secret"))
    assert gone == "heartbeat: not sent: ConnectError"
    assert "secret" not in said + gone
