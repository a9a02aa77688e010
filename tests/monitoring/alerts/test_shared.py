"""Hosts with a home each and one database: one spool, one message an incident, no error unread."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from recsys_tasks.database.shared_texts import SharedTexts, forget_errors, is_remote
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.kept_texts import Folder, Texts
from recsys_tasks.monitoring.alerts.spool import Spool
from recsys_tasks.monitoring.alerts.task_errors import describe_error, read_errors, record_error
from tests.monitoring.alerts.test_alert import ROOT, an_alert

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
DELIVERER = """
import sys, time
from datetime import datetime
from pathlib import Path
from recsys_tasks.database.shared_texts import SharedTexts
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.spool import Spool

def channel(alert):
    time.sleep(0.05)
    with open(sys.argv[3], "a") as sent:
        sent.write(alert.incident + "\\n")

spool = Spool(Path(sys.argv[1]), shared=[SharedTexts(sys.argv[2], "alerts/spool")])
print("ready", flush=True)
sys.stdin.readline()
deliver(spool, {"chat": channel}, None, now=datetime.fromisoformat(sys.argv[4]))
"""


def texts(url: str, place: str = "alerts/spool") -> SharedTexts:
    return SharedTexts(url, place)


def away(tmp_path: Path) -> SharedTexts:
    """Those of a server that does not run."""
    return texts(f"postgresql://nobody@/recsys?host={tmp_path}/none")


def test_an_incident_is_one_on_every_host(empty: Mapping[str, str], tmp_path: Path) -> None:
    one, other = (Spool(tmp_path / n, shared=[texts(empty["recsys"])]) for n in ("one", "other"))
    heard: list[Alert] = []
    assert one.add(an_alert()) and not other.add(an_alert())
    for spool in (other, one):
        deliver(spool, {"chat": heard.append}, None, now=NOW)
    assert [alert.status for alert in heard] == ["open"]
    assert other.resolve(lambda alert: True, "it ended well", NOW) == 1 and one.open() == []
    for spool in (one, other):
        deliver(spool, {"chat": heard.append}, None, now=NOW)
    assert [alert.status for alert in heard] == ["open", "resolved"]
    assert list((tmp_path / "one").glob("*.json")) == []


def test_hosts_that_deliver_at_once_send_each_alert_once(
    empty: Mapping[str, str], tmp_path: Path
) -> None:
    spool, sent = Spool(tmp_path / "0", shared=[texts(empty["recsys"])]), tmp_path / "sent"
    for number in range(8):
        spool.add(an_alert(incident=f"i{number}"))
    given = [empty["recsys"], str(sent), NOW.isoformat()]
    start = partial(
        subprocess.Popen, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    hosts = [start([sys.executable, "-c", DELIVERER, f"{tmp_path / f'{n}'}", *given]) for n in "12"]
    for host in hosts:
        assert host.stdout is not None and host.stdout.readline() == "ready\n"
    for host in hosts:
        host.communicate("go\n", timeout=60)
    assert sorted(sent.read_text().split()) == [f"i{number}" for number in range(8)]


def test_what_the_database_cannot_take_is_kept_at_home_until_it_can(
    empty: Mapping[str, str], tmp_path: Path
) -> None:
    heard: list[Alert] = []
    out = Spool(tmp_path / "home", shared=[away(tmp_path)])
    assert out.add(an_alert()) and not out.add(an_alert())
    assert len(list((tmp_path / "home").glob("*.json"))) == 1
    back = Spool(tmp_path / "home", shared=[texts(empty["recsys"])])
    deliver(back, {"chat": heard.append}, None, now=NOW)
    assert len(heard) == 1 and list((tmp_path / "home").glob("*.json")) == []
    elsewhere = Spool(tmp_path / "other", shared=[texts(empty["recsys"])])
    assert [record.delivered for record in elsewhere.records()] == [("chat",)]


def test_an_error_is_read_on_the_host_that_tells_of_it(
    empty: Mapping[str, str], tmp_path: Path
) -> None:
    worker, control = (
        Texts(texts(empty["recsys"], "errors/dag/run"), Folder(tmp_path / name))
        for name in ("worker", "control")
    )
    failed = describe_error("freeze", "freeze", ValueError("secret"), started="t0", try_number=2)
    record_error(worker, failed)
    assert read_errors(control, started="t0") == [failed] and not (tmp_path / "worker").exists()
    out = Texts(away(tmp_path), Folder(tmp_path / "worker"))
    record_error(out, failed)
    assert read_errors(out, started="t0") == [failed]


def test_errors_whose_alerts_are_long_told_are_forgotten(
    empty: Mapping[str, str], writer: Engine, tmp_path: Path
) -> None:
    errors, spool = texts(empty["recsys"], "errors/dag/run"), texts(empty["recsys"])
    for place in (errors, spool):
        place.write("old", "{}")
    with writer.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.shared_texts SET written_at = now() - interval '31 days'")
        )
    errors.write("new", "{}")
    month_ago = datetime.fromtimestamp(time.time(), UTC) - timedelta(days=30)
    assert forget_errors(writer, month_ago) == 1
    assert list(errors.read_all()) == ["new"] and list(spool.read_all()) == ["old"]


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("postgresql+psycopg://recsys_writer:x@postgres/recsys", True),
        ("postgresql://x@10.0.0.7:5432/recsys", True),
        ("postgresql+psycopg://recsys_writer:x@/recsys?host=/tmp/nightshelf", False),
    ],
)
def test_a_socket_is_of_one_machine(url: str, remote: bool) -> None:
    assert is_remote(url) == remote
