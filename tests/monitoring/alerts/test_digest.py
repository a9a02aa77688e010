"""What can wait is one message a day, made once whoever delivers; nothing on a day without any."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recsys_tasks.config import AlertsConfig
from recsys_tasks.config.operations import ScheduleConfig
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.attempts import table_lacks
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.digest import digest_of
from recsys_tasks.monitoring.alerts.spool import Spool
from tests.monitoring.alerts.test_alert import an_alert

SETTINGS = AlertsConfig(digest=("info", "drift"), digest_at="09:00")
AMSTERDAM = ScheduleConfig(timezone="Europe/Amsterdam")
EIGHT = datetime(2026, 3, 10, 7, tzinfo=UTC)  # 08:00 in Amsterdam: an hour before the digest


class Desk:
    """A spool, a channel that takes all, and a table that keeps all."""

    def __init__(self, folder: Path) -> None:
        self.spool, self.sent = Spool(folder), list[Alert]()
        self.rows: list[str] = []

    def alert(self, incident: str, at: datetime, **changes: object) -> None:
        named = {"incident": incident, "raised_at": at.isoformat(), "dag": "", **changes}
        self.spool.add(replace(an_alert(), **named))  # type: ignore[arg-type]

    def look(self, now: datetime) -> list[Alert]:
        """What channels got by this look."""
        before = len(self.sent)
        digest = digest_of(SETTINGS, AMSTERDAM, now)
        channels, table = {"chat": self.sent.append}, self._keep
        deliver(self.spool, channels, table, now=now, digest=digest)
        return self.sent[before:]

    def _keep(self, alert: Alert, channels: object, resolved_at: str) -> None:
        self.rows.append(alert.incident)


def test_what_can_wait_is_one_message_a_day_and_a_page_is_not_kept_waiting(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.alert("page", EIGHT)
    desk.alert("info", EIGHT, severity="info", kind="hint", message="a hint\nmore")
    desk.alert("drift", EIGHT, severity="warning", kind="drift", message="ages drifted")
    assert [alert.incident for alert in desk.look(EIGHT)] == ["page"]
    assert sorted(set(desk.rows)) == ["drift", "info", "page"]  # the table has them at once
    (digest,) = desk.look(EIGHT + timedelta(hours=1))
    assert (digest.kind, digest.severity) == ("digest", "warning")  # of its worst
    assert digest.message.splitlines() == [
        "digest of 2026-03-10: 2 alerts that can wait",
        "- [warning] drift 2026-03-10: ages drifted",
        "- [info] hint 2026-03-10: a hint",
    ]
    desk.alert("late", EIGHT + timedelta(hours=2), severity="info", message="another hint")
    assert [desk.look(EIGHT + timedelta(hours=hour)) for hour in (2, 12, 24)] == [[], [], []]
    (tomorrow,) = desk.look(EIGHT + timedelta(hours=25))
    assert "1 alert that can wait" in tomorrow.message and "another hint" in tomorrow.message
    assert [desk.look(EIGHT + timedelta(hours=hour)) for hour in (26, 49, 73)] == [[], [], []]
    assert not any(table_lacks(record) for record in desk.spool.records())


def test_a_digest_that_was_made_but_not_noted_is_made_once(tmp_path: Path) -> None:
    """Who made it died before it noted which alerts it holds."""
    desk = Desk(tmp_path)
    desk.alert("info", EIGHT, severity="info")
    assert len(desk.look(EIGHT + timedelta(hours=1))) == 1
    desk.spool.change("info", lambda record: replace(record, digested=""))
    assert desk.look(EIGHT + timedelta(hours=2)) == []
    assert desk.look(EIGHT + timedelta(hours=25)) == []


def test_the_end_of_what_the_digest_told_is_no_message(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.alert("info", EIGHT, severity="info")
    desk.look(EIGHT + timedelta(hours=1))
    desk.spool.resolve(lambda alert: alert.incident == "info", "well", EIGHT)
    assert desk.look(EIGHT + timedelta(hours=2)) == []
