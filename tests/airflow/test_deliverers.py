"""Who delivers alerts: channels that are slow, silent, new or gone, and what is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import recsys_alerts
from airflow.sdk.timezone import utcnow

from recsys_tasks.config import read_environment
from recsys_tasks.errors import TransientError
from recsys_tasks.monitoring.alerts.channels import http as http_channel
from recsys_tasks.monitoring.alerts.channels import slack as slack_channel
from recsys_tasks.monitoring.alerts.settling import end_of_night
from tests.airflow.failed_tasks import STARTED, context_of, fail, notify
from tests.airflow.recorder import Recorder


def together(function: Callable[[], object], times: int) -> None:
    threads = [threading.Thread(target=function) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_deliverers_at_once_send_one_page(home: Path, webhook: Recorder) -> None:
    webhook.seconds = 0.5
    together(lambda: notify(context_of()), 4)
    together(recsys_alerts.deliver_alerts, 4)
    assert len(webhook.bodies) == 1


@pytest.mark.slow
def test_a_channel_that_takes_its_time_is_asked_once(home: Path, webhook: Recorder) -> None:
    webhook.seconds = 11.0
    notify(context_of())
    for _ in range(3):
        recsys_alerts.deliver_alerts()
    assert len(webhook.bodies) == 1


def test_a_channel_without_an_answer_is_not_asked_for_ever(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_channel, "ANSWER_SECONDS", 0.2)
    webhook.seconds = 0.6
    notify(context_of())
    for _ in range(5):
        recsys_alerts.deliver_alerts()
    assert 1 <= len(webhook.bodies) <= 2


def test_a_channel_configured_later_gets_no_old_alerts(
    home: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        notify(context_of(f"manual:{number}"))
    monkeypatch.setenv("AIRFLOW_CONN_ALERT_WEBHOOK", recorder.as_webhook)
    for _ in range(3):
        recsys_alerts.deliver_alerts()
    assert [body["run"] for body in recorder.bodies] == ["manual:59", "manual:58", "manual:57"]
    notify(context_of("manual:new"))
    assert len(recorder.bodies) == 4


def test_a_hanging_channel_does_not_hold_up_the_other_and_the_newest_comes_first(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_channel, "ANSWER_SECONDS", 4)
    slow = Recorder()
    slow.seconds = 60.0
    try:
        for number in range(3):
            recsys_alerts.raise_incident(context_of(f"manual:{number}"))
            time.sleep(1.05)  # raised at different seconds
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_ALERTS", slow.as_slack)
        began = time.monotonic()
        notify(context_of("manual:new"))
        assert time.monotonic() - began < 45  # Airflow ends a callback at 50 s
    finally:
        slow.stop()
    assert len(webhook.bodies) == 4 and webhook.bodies[0]["run"] == "manual:new"


OUTAGE = {
    "expected": "PostgreSQL to answer",
    "found": "connection refused",
    "where": "postgresql+psycopg://recsys_writer:***@db:5432/recsys",
    "remedy": "start it",
}


def test_an_outage_of_the_database_pages_once_however_often_the_watcher_fails(
    home: Path, webhook: Recorder
) -> None:
    night = context_of("scheduled:1", dag="precompute_recommendations", task="publish")
    fail(TransientError(**OUTAGE), night)
    notify(night)
    for hour in range(4, 10):
        watch = context_of(f"hour:{hour}", dag="watch_freshness", task="look", night=None)
        watch["dag_run"].start_date = STARTED.replace(hour=hour)
        fail(TransientError(**OUTAGE), watch)
        notify(watch)
    assert [body["dag"] for body in webhook.bodies] == ["precompute_recommendations"]
    tomorrow = context_of(
        "scheduled:2", dag="precompute_recommendations", task="publish", night="2026-03-11"
    )
    fail(TransientError(**OUTAGE), tomorrow)
    notify(tomorrow)  # another night that needs its own command
    assert len(webhook.bodies) == 2


def test_a_page_is_ended_where_it_was_sent_and_nowhere_else(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify(context_of())
    slack = Recorder()
    try:
        monkeypatch.setenv(
            "AIRFLOW_CONN_SLACK_ALERTS", slack.as_slack
        )  # it came too late for that page
        for _ in range(2):
            end_of_night(read_environment(), date(2026, 3, 10), utcnow())
            recsys_alerts.deliver_alerts()
    finally:
        slack.stop()
    page, over = webhook.bodies
    assert (over["status"], over["incident"], over["severity"]) == (
        "resolved",
        page["incident"],
        "info",
    )
    assert over["message"].startswith("resolved: validate_data failed for 2026-03-10")
    assert over["reader_state"] == "the night of 2026-03-10 ended well"
    assert slack.bodies == []


def test_what_was_over_before_a_channel_could_take_it_is_not_sent(
    home: Path, webhook: Recorder
) -> None:
    webhook.answers += [503] * 3
    notify(context_of())
    end_of_night(read_environment(), date(2026, 3, 10), utcnow())
    recsys_alerts.deliver_alerts()
    assert len(webhook.bodies) == 1  # the one that was refused


def test_what_a_spare_folder_took_comes_home(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file, where the folder of RECSYS_HOME should be")
    notify(context_of())
    assert len(webhook.bodies) == 1
    (spare,) = (tmp_path / "spare").iterdir()
    assert len(list(spare.glob("*.json"))) == 1 and spare.stat().st_mode & 0o077 == 0
    home.unlink()
    notify(context_of())
    recsys_alerts.deliver_alerts()
    assert len(webhook.bodies) == 1
    assert (
        list(spare.glob("*.json")) == []
        and len(list((home / "alerts" / "spool").glob("*.json"))) == 1
    )
