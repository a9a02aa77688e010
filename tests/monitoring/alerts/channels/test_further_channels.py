"""E-mail, Teams and PagerDuty: what arrives at real servers of this machine, and who gets what."""

from __future__ import annotations

import smtpd
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.config import AlertsConfig
from recsys_tasks.monitoring.alerts.alert import Alert, resolved_notice
from recsys_tasks.monitoring.alerts.channels import Connection, Send, Unconfirmed, open_channels
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.spool import Spool
from tests.airflow.mailbox import Mailbox
from tests.airflow.recorder import Recorder
from tests.monitoring.alerts.channels.test_channels import Known

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
ALERT = Alert(
    incident="0123456789abcdef",
    raised_at="2026-03-02T03:00:00.000+00:00",
    as_of="2026-03-02",
    dag="publish_recommendations",
    task="publish",
    kind="ServingError",
    severity="critical",
    message="the lists of 2026-03-02 were not published <!channel> @here\nmetric: x = 1",
    reader_state="lists of 2026-03-01",
    remedy="recsys status",
    runbook="https://wiki.example/publication-refused.md",
)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    opened = Recorder()
    yield opened
    opened.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    opened = Mailbox()
    yield opened
    opened.stop()


def sender(name: str, connection: Known, **settings: Any) -> Send:
    def connection_of(wanted: str) -> Connection | None:
        return connection if wanted == f"{name}_alerts" else None

    senders, unknown = open_channels(AlertsConfig(**settings), connection_of)
    assert (list(senders), unknown) == ([name], [])
    return senders[name]


def mail(mailbox: Mailbox) -> Known:
    extra = {"disable_ssl": "true", "disable_tls": True, "from_email": "shop@a.example"}
    to = {"to": "ann@a.example, bob@a.example"}
    return Known("127.0.0.1", port=mailbox.port, extra_dejson={**extra, **to})


def test_pagerduty_opens_and_resolves_an_incident_of_the_same_name(recorder: Recorder) -> None:
    send = sender("pagerduty", Known(f"{recorder.base}", password="routing-key"))
    send(ALERT)
    send(resolved_notice(ALERT, "lists of 2026-03-02", "2026-03-02T04:00:00.000+00:00"))
    (path, _, opened), (_, _, resolved) = recorder.received
    assert path == "/v2/enqueue"
    assert opened["routing_key"] == "routing-key"
    assert (opened["event_action"], resolved["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == resolved["dedup_key"] == ALERT.incident
    said = opened["payload"]
    assert said["severity"] == "critical"
    assert said["summary"] == "the lists of 2026-03-02 were not published <!channel> @here"
    assert said["custom_details"]["to do"] == "recsys status"
    assert opened["links"] == [{"href": ALERT.runbook, "text": "runbook"}]


def test_teams_gets_a_card_that_names_what_to_do_and_calls_nobody(recorder: Recorder) -> None:
    sender("teams", Known(password=f"{recorder.base}/workflows/x?sig=y"))(ALERT)
    ((path, _, body),) = recorder.received
    assert path == "/workflows/x?sig=y"
    lines = [block["text"] for block in body["attachments"][0]["content"]["body"]]
    assert "to do: recsys status" in lines
    assert "<!channel>" not in str(body)
    assert "@here" not in str(body)


def test_mail_goes_to_all_receivers_and_its_end_into_the_same_thread(mailbox: Mailbox) -> None:
    send = sender("email", mail(mailbox))
    send(ALERT)
    send(resolved_notice(ALERT, "lists of 2026-03-02", "2026-03-02T04:00:00.000+00:00"))
    (to, alert), (_, over) = mailbox.messages
    assert to == ["ann@a.example", "bob@a.example"]
    assert (
        alert["Subject"].strip().startswith("[critical] the lists of 2026-03-02 were not published")
    )
    assert over["Subject"].strip().startswith("[resolved]")
    assert over["In-Reply-To"] == alert["Message-ID"]
    assert "to do: recsys status" in str(alert.get_payload())


def test_a_refused_message_is_tried_again_and_no_secret_is_in_the_words(
    mailbox: Mailbox, recorder: Recorder
) -> None:
    mailbox.answer = "451 ann@a.example is full"
    with pytest.raises(ConnectionError, match="SMTP 451") as caught:
        sender("email", mail(mailbox))(ALERT)
    assert "ann" not in str(caught.value)
    recorder.answers = [429]
    with pytest.raises(ConnectionError, match="HTTP 429") as caught:
        sender("pagerduty", Known(recorder.base, password="routing-key"))(ALERT)
    assert "routing-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "connection"),
    [
        ("slack", Known(password="ftp://hooks.example/S3CRET")),
        ("slack", Known(password="https://hooks.example/S3C RET")),
        ("teams", Known(password="https://a.example:S3CRET/x")),
        ("webhook", Known("BASE", password="S3CRET\n")),
    ],
)
def test_what_cannot_be_sent_is_not_taken_for_sent_and_not_quoted(
    name: str, connection: Known, recorder: Recorder
) -> None:
    if connection.host == "BASE":
        connection = replace(connection, host=recorder.base)
    settings = {"webhook_connection": "webhook_alerts"} if name == "webhook" else {}
    with pytest.raises(ConnectionError, match="wrong") as caught:
        sender(name, connection, **settings)(ALERT)
    assert "S3C" not in str(caught.value)


def test_mail_that_was_taken_is_not_sent_again_for_what_comes_after(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One receiver is refused, and the server has no good word at the end: one was told."""

    def refuse(channel: Any, words: str) -> None:
        if "bob" in words:
            channel.push("550 bob@a.example is unknown")
        else:
            rcpt(channel, words)

    rcpt = smtpd.SMTPChannel.smtp_RCPT
    monkeypatch.setattr(smtpd.SMTPChannel, "smtp_RCPT", refuse)
    monkeypatch.setattr(smtpd.SMTPChannel, "smtp_QUIT", lambda channel, _: channel.push("421 bye"))
    sender("email", mail(mailbox))(ALERT)
    assert [to for to, _ in mailbox.messages] == [["ann@a.example"]]
    assert "refused 1 receiver(s): SMTP 550" in caplog.text
    assert "bob" not in caplog.text


def test_a_server_that_falls_silent_may_have_taken_it(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys_tasks.monitoring.alerts.channels.http.ANSWER_SECONDS", 0.2)
    recorder.seconds = 1.0
    with pytest.raises(Unconfirmed):
        sender("teams", Known(password=recorder.base))(ALERT)


def test_each_channel_gets_its_severities_and_hears_the_end_of_what_it_got(
    recorder: Recorder, mailbox: Mailbox, tmp_path: Path
) -> None:
    """A critical alert, a warning and an info: the pager has the first, the mail the first two."""
    settings = AlertsConfig(least_severity={"pagerduty": "critical", "email": "warning"})
    pager = Known(recorder.base, password="routing-key")

    def connection_of(name: str) -> Connection | None:
        return {"pagerduty_alerts": pager, "email_alerts": mail(mailbox)}.get(name)

    senders, _ = open_channels(settings, connection_of)
    spool = Spool(tmp_path)
    for severity in ("critical", "warning", "info"):
        spool.add(replace(ALERT, incident=severity, severity=severity))
    for hour in range(3):
        deliver(spool, senders, None, now=NOW + timedelta(hours=hour))
    assert [body["dedup_key"] for body in recorder.bodies] == ["critical"]
    assert sorted(m["Message-ID"] for _, m in mailbox.messages) == [
        "<critical@nightshelf.invalid>",
        "<warning@nightshelf.invalid>",
    ]
    delivered = {r.alert.incident: sorted(r.delivered) for r in spool.records()}
    assert delivered == {"critical": ["email", "pagerduty"], "warning": ["email"], "info": []}


def test_a_pager_wakes_for_critical_alerts_alone_unless_told_otherwise() -> None:
    assert AlertsConfig().least_severity == {"pagerduty": "critical"}
