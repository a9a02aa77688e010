"""`recsys alerts`: who is at an alert, and which channels take a message; real servers answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.config import AlertsConfig, connection_of_environment
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.channels import http, open_channels
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.monitoring.alerts.table import keep_alert
from tests.airflow.recorder import Recorder
from tests.environments import environment_of

AT = datetime(2026, 3, 10, 4, tzinfo=UTC)
ALERT = Alert(
    dag="-",
    task="-",
    reader_state="-",
    remedy="-",
    runbook="-",
    incident="c0ffee",
    raised_at=AT.isoformat(),
    as_of="2026-03-10",
    kind="ValueError",
    severity="critical",
    message="freeze failed\nexpected: rows",
)


@pytest.fixture
def channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Recorder, Recorder]]:
    """A webhook and a pager."""
    hook, pager = Recorder(), Recorder()
    key = {"conn_type": "http", "host": pager.base, "password": "key"}
    monkeypatch.setenv("AIRFLOW_CONN_ALERT_WEBHOOK", hook.as_webhook)
    monkeypatch.setenv("AIRFLOW_CONN_PAGERDUTY_ALERTS", json.dumps(key))
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield hook, pager
    hook.stop()
    pager.stop()


def call(*words: str, url: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["alerts", *words], env={"RECSYS_DATABASE_URL": url or None})
    return result.exit_code, result.output


def test_a_test_goes_through_every_channel_and_says_which_took_it(
    channels: tuple[Recorder, Recorder],
) -> None:
    hook, pager = channels
    assert call("test") == (0, "pagerduty: accepted\nwebhook: accepted\n")
    (sent,) = hook.bodies
    assert sent["message"].startswith("TEST: ") and sent["kind"] == "drill"
    events = [(body["event_action"], body["dedup_key"]) for body in pager.bodies]
    assert events == [("trigger", sent["incident"]), ("resolve", sent["incident"])]
    hook.answers.append(401)
    code, said = call("test", "--channel", "webhook")
    assert (code, said) == (1, "webhook: refused: ConnectionError: HTTP 401\n")
    assert len(pager.bodies) == 2
    code, said = call("test", "--channel", "slak")
    assert code == 1 and "'slak'" in said and "slack, teams" in said
    assert call("test", "--channel", "slack")[0] == 1  # it has no connection


def test_a_channel_that_hangs_is_told_from_one_that_takes_it(
    channels: tuple[Recorder, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.2)
    channels[0].seconds = 1.0
    code, said = call("test")
    assert code == 1 and said.startswith("pagerduty: accepted\nwebhook: no answer (ReadTimeout)")


def test_who_is_at_an_alert_is_on_record_and_its_channels_hear_then_only_its_end(
    channels: tuple[Recorder, Recorder], writer: Engine, empty: Mapping[str, str], tmp_path: Path
) -> None:
    hook, pager = channels
    spool, url = spool_of(environment_of(tmp_path)), empty["recsys"]

    def look(minutes: int) -> None:
        senders, _ = open_channels(AlertsConfig(), connection_of_environment)
        now = AT + timedelta(minutes=minutes)
        deliver(spool, senders, lambda *of: keep_alert(writer, *of), now=now)

    spool.add(ALERT)
    hook.answers.append(503)
    look(0)  # the webhook lacks it
    (found,) = json.loads(call("list", "--json", url=url)[1])
    assert found["acknowledged_at"] is None and found["delivered"] == {"pagerduty": "sent"}
    code, said = call("ack", str(found["id"]), "--by", "ann", "--note", "token=s3cr3t", url=url)
    assert (code, said) == (
        0,
        "ValueError of 2026-03-10: ann is at it\npagerduty: accepted\n",
    )
    event = pager.bodies[-1]
    assert (event["event_action"], event["dedup_key"]) == ("acknowledge", "c0ffee")
    assert event["payload"]["custom_details"]["what broke"].startswith("ann is at it: freeze")
    (now,) = json.loads(call("--json", url=url)[1])
    assert now["acknowledged_by"] == "ann" and now["acknowledged_note"] == "token=***"
    assert "s3cr3t" not in json.dumps([*hook.bodies, *pager.bodies, now])
    look(10)
    assert len(hook.bodies) == 1 and len(pager.bodies) == 2
    spool.resolve(lambda alert: True, "all is well", AT + timedelta(minutes=20))
    look(20)
    assert pager.bodies[-1]["event_action"] == "resolve" and len(hook.bodies) == 1
    over = call("ack", "c0ffee", url=url)
    assert over[0] == 1 and "over since 2026-03-10" in over[1]
    assert call("ack", "999", url=url)[0] == 1
    (kept,) = json.loads(call("list", "--all", "--json", url=url)[1])
    assert kept["acknowledged_by"] == "ann" and kept["resolved_at"]


@pytest.mark.parametrize("words", [["--json", "test"], ["--all", "list"]])
def test_options_before_a_command_are_refused_not_forgotten(words: list[str]) -> None:
    assert call(*words)[0] == 2
