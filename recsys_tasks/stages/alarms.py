"""An alarm of a stage becomes an alert: spooled at once, delivered by whoever delivers next."""

from __future__ import annotations

from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.build import alarm_alert, describe_readers
from recsys_tasks.monitoring.alerts.spool import raise_alert
from recsys_tasks.monitoring.alerts.table import published_night
from recsys_tasks.stages.night import Night


def raise_alarm(night: Night, alarm: Alarm, remedy: str) -> None:
    """Tell on-call, once a night and metric. `remedy` is what to run."""
    alert = alarm_alert(
        alarm,
        as_of=night.as_of,
        reader_state=describe_readers(published_night(night.engine), night.as_of),
        remedy=remedy,
        runbooks=night.config.alerts.runbook_base,
        now=night.now,
    )
    raise_alert(night.environment.home, alert)
