"""The digest: alerts that can wait, in one message a day; on a day without any there is none.

Each of them is a row of `recsys.alerts` at once, like every other; only channels hear later. The
digest itself is an alert of the spool, so that one is made whoever delivers, and sent as all are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from recsys_tasks.config import AlertsConfig
from recsys_tasks.config.operations import ScheduleConfig
from recsys_tasks.monitoring.alarms import SEVERITIES
from recsys_tasks.monitoring.alerts.alert import DIGEST, Alert, incident_id
from recsys_tasks.monitoring.alerts.spool import Record, Spool

_MOST = 20
"""Alerts of which a digest has a line; of more it says how many."""


@dataclass(frozen=True)
class Digest:
    """Which alerts wait for the digest, and when the last one was due."""

    names: frozenset[str]
    """Severities, and kinds of alert."""
    due_at: datetime
    runbooks: str

    def holds(self, alert: Alert) -> bool:
        """Whether channels hear of this alert by the digest alone."""
        named = {alert.severity, alert.kind} & self.names
        return bool(named) and alert.kind != DIGEST and alert.status == "open"


def digest_of(settings: AlertsConfig, schedule: ScheduleConfig, now: datetime) -> Digest:
    """The digest by the settings: the last one was due at `alerts.digest_at` in the shop's zone."""
    local = now.astimezone(ZoneInfo(schedule.timezone))
    hour, minute = map(int, settings.digest_at.split(":"))
    due_at = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if due_at > local:
        due_at -= timedelta(days=1)
    return Digest(frozenset(settings.digest), due_at, settings.runbook_base)


def gather(spool: Spool, digest: Digest, now: datetime) -> bool:
    """Put the alerts that waited until the digest was due into one; False where there are none, or
    where this day's was made. Raises OSError.
    """
    waiting = [
        record
        for record in spool.records()
        if digest.holds(record.alert)
        and not record.digested
        and datetime.fromisoformat(record.alert.raised_at) <= digest.due_at
    ]
    if not waiting:
        return False
    alert = _compose(waiting, digest, now)
    made = spool.add(alert)
    if made or _is_made(spool, alert):
        for record in waiting:
            spool.change(record.alert.incident, lambda r: replace(r, digested=alert.incident))
    return made


def _is_made(spool: Spool, alert: Alert) -> bool:
    """Whether this very digest is there: who made it died before it could note whom it holds."""
    kept = next((r.alert for r in spool.records() if r.alert.incident == alert.incident), None)
    return kept is not None and kept.message == alert.message


def _compose(waiting: Sequence[Record], digest: Digest, now: datetime) -> Alert:
    alerts = [record.alert for record in waiting]
    count = f"{len(alerts)} alert{'s' if len(alerts) > 1 else ''}"
    lines = [f"digest of {digest.due_at.date()}: {count} that can wait"]
    lines += [_line(record) for record in waiting[-_MOST:]]
    if len(alerts) > _MOST:
        lines.append(f"and {len(alerts) - _MOST} before them")
    return Alert(
        incident=incident_id(DIGEST, str(digest.due_at.date())),
        raised_at=now.isoformat(timespec="milliseconds"),
        as_of="",
        dag="",
        task="",
        kind=DIGEST,
        severity=max((alert.severity for alert in alerts), key=SEVERITIES.index),
        message="\n".join(lines),
        reader_state=alerts[-1].reader_state,
        remedy="recsys alerts list --all",
        runbook=f"{digest.runbooks}/README.md",
    )


def _line(record: Record) -> str:
    alert, over = record.alert, " (over)" if record.resolved_at else ""
    night = f" {alert.as_of}" if alert.as_of else ""
    return f"- [{alert.severity}] {alert.kind}{night}{over}: {alert.message.splitlines()[0]}"
