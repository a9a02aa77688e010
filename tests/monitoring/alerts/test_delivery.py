"""One claim an alert and channel, among processes that know nothing of each other."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.channels import Unconfirmed
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.spool import LEASE, Spool
from tests.monitoring.alerts.test_alert import NOW, ROOT, an_alert

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
    command = [sys.executable, "-c", DELIVERER, str(spool.folder), str(sent), NOW.isoformat()]
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
