"""One claim an alert and channel, among processes that know nothing of each other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from recsys_tasks.config import AlertsConfig, EnvironmentConnection
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.channels import Send, Unconfirmed, http, open_channels
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.spool import LEASE, Spool
from tests.airflow.recorder import Recorder
from tests.monitoring.alerts.test_alert import NOW, ROOT, an_alert


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    server = Recorder()
    yield server
    server.stop()


def webhook_of(server: Recorder) -> Send:
    """The webhook channel, to this server."""
    known = EnvironmentConnection("http", f"{server.base}/hook", None, None, None, None, {})
    names = {"alert_webhook": known}
    return open_channels(AlertsConfig(), names.get)[0]["webhook"]


DELIVERER = """
import sys, time
from datetime import datetime
from pathlib import Path
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.spool import Spool

def channel(alert):
    time.sleep(0.05)
    with open(sys.argv[2], "a") as sent:
        sent.write(alert.incident + "\\n")

print("ready", flush=True)
sys.stdin.readline()
deliver(Spool(Path(sys.argv[1])), {"chat": channel}, None, now=datetime.fromisoformat(sys.argv[3]))
"""


def test_processes_at_once_send_each_alert_once(tmp_path: Path) -> None:
    spool, sent = Spool(tmp_path / "spool"), tmp_path / "sent"
    for number in range(20):
        spool.add(an_alert(incident=f"i{number}"))
    command = [sys.executable, "-c", DELIVERER, str(tmp_path / "spool"), str(sent), NOW.isoformat()]
    workers = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.communicate("go\n", timeout=60)
    lines = sent.read_text().splitlines()
    assert sorted(lines) == sorted(f"i{number}" for number in range(20))


def test_two_processes_that_raise_one_incident_keep_it_once(tmp_path: Path) -> None:
    first, second = Spool(tmp_path), Spool(tmp_path)
    assert [first.add(an_alert()), second.add(an_alert())] == [True, False]


def test_a_deliverer_that_died_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    sent: list[Alert] = []
    spool = Spool(tmp_path)
    spool.add(an_alert())

    def dies(alert: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("threading.excepthook", lambda _: None)
        deliver(spool, {"chat": dies}, None, now=NOW)
    deliver(spool, {"chat": sent.append}, None, now=NOW + LEASE - timedelta(seconds=1))
    assert sent == []  # it may still be at it
    deliver(spool, {"chat": sent.append}, None, now=NOW + LEASE)
    deliver(spool, {"chat": sent.append}, None, now=NOW + LEASE)
    assert len(sent) == 1


def test_what_may_have_arrived_is_repeated_once_and_not_where_somebody_knows(
    tmp_path: Path,
) -> None:
    asked = []

    def silent(alert: object) -> None:
        asked.append(alert)
        raise Unconfirmed

    alone = Spool(tmp_path / "alone")
    alone.add(an_alert())
    for hour in range(6):
        deliver(alone, {"chat": silent}, None, now=NOW + timedelta(hours=hour))
    assert len(asked) == 2
    asked.clear()
    beside = Spool(tmp_path / "beside")
    beside.add(an_alert())
    for hour in range(6):
        deliver(
            beside,
            {"chat": silent, "hook": lambda alert: None},
            None,
            now=NOW + timedelta(hours=hour),
        )
    assert 1 <= len(asked) <= 2


def test_a_channel_that_cannot_be_looked_up_now_gets_its_alerts_later(tmp_path: Path) -> None:
    sent: list[Alert] = []
    spool = Spool(tmp_path)
    spool.add(an_alert())
    deliver(spool, {}, None, now=NOW, known=["chat"])
    spool.add(replace(an_alert(), incident="x"))
    deliver(spool, {"chat": sent.append}, None, now=NOW + timedelta(hours=30))
    assert len(sent) == 2


def test_a_channel_that_refuses_is_left_alone_and_holds_no_other_up(
    tmp_path: Path, recorder: Recorder
) -> None:
    """429 to everything: three messages, then none for five minutes, by whatever delivers."""
    spool, heard = Spool(tmp_path), list[Alert]()
    for number in range(6):
        spool.add(replace(an_alert(), incident=f"i{number}"))
    channels = {"busy": webhook_of(recorder), "chat": heard.append}
    recorder.answers += [429] * 3 + [500] * 3
    for minute in range(5):
        deliver(spool, channels, None, now=NOW + timedelta(minutes=minute))
    assert (len(recorder.bodies), len(heard)) == (3, 6)
    deliver(spool, channels, None, now=NOW + timedelta(minutes=5))  # now it answers 500
    assert len(recorder.bodies) == 6
    spool.add(replace(an_alert(), incident="new"))
    deliver(spool, channels, None, now=NOW + timedelta(minutes=6))
    assert (len(recorder.bodies), len(heard)) == (6, 7)
    for minute in (10, 11):  # it is well again: what is new first, and each once
        deliver(spool, channels, None, now=NOW + timedelta(minutes=minute))
    taken = [body["incident"] for body in recorder.bodies[6:]]
    assert taken[0] == "new" and sorted(taken) == ["i0", "i1", "i2", "i3", "i4", "i5", "new"]


def test_a_channel_that_hangs_costs_no_delivery_its_time_twice(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.1)
    recorder.seconds = 0.5
    spool, heard = Spool(tmp_path), list[Alert]()
    for number in range(5):
        spool.add(replace(an_alert(), incident=f"i{number}"))
    channels = {"silent": webhook_of(recorder), "chat": heard.append}
    for minute in range(4):
        deliver(spool, channels, None, now=NOW + timedelta(minutes=minute))
    assert (len(recorder.bodies), len(heard)) == (3, 5)
