"""An alarm of a stage becomes an alert: spooled at once, delivered by whoever delivers next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine

from recsys_tasks.config import Environment
from recsys_tasks.config.nights import Nights
from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.build import alarm_alert, describe_readers
from recsys_tasks.monitoring.alerts.spool import raise_alert
from recsys_tasks.monitoring.alerts.table import published_night


@dataclass(frozen=True)
class OnCall:
    """Who is told of the alarms of a night, and what each alert of it says.

    Alerts are spooled where `environment` says; `engine` tells what readers see meanwhile; links
    start with `runbooks`.
    """

    environment: Environment
    engine: Engine
    runbooks: str
    as_of: date
    now: datetime
    nights: Nights | None = None
    """When the shop's nights start and are expected; None of a simulated shop."""

    def tell(self, alarm: Alarm, remedy: str) -> None:
        """Tell on-call, once a night and metric. `remedy` is what to run."""
        left = self.nights.time_left(self.as_of, self.now) if self.nights else ""
        alert = alarm_alert(
            alarm,
            as_of=self.as_of,
            reader_state=describe_readers(published_night(self.engine), self.as_of, left),
            remedy=remedy,
            runbooks=self.runbooks,
            now=self.now,
        )
        raise_alert(self.environment, alert)
