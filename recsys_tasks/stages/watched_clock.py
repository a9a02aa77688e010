"""Whether this machine's clock and PostgreSQL's say the same.

Airflow writes by a machine's clock when a run is due, and asks PostgreSQL's which runs are: with
the first ahead by hours, whatever follows waits for hours, the checks for late nights among them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import time

import sqlalchemy as sa
from sqlalchemy import Engine

from recsys_tasks.config import Environment
from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.build import alarm_alert
from recsys_tasks.monitoring.alerts.spool import spool_of

_SERVER = sa.text("SELECT extract(epoch FROM clock_timestamp())")


@dataclass(frozen=True)
class Clocks:
    """Epoch seconds by this machine's clock and by PostgreSQL's, at one moment."""

    here: float
    server: float

    @classmethod
    def read(cls, engine: Engine) -> Clocks:
        """Read both. Raises TransientError without a database."""
        with engine.connect() as connection:
            before = time()
            server = float(connection.scalar(_SERVER))
            return cls((before + time()) / 2, server)

    @property
    def apart(self) -> float:
        """Seconds between them."""
        return abs(self.here - self.server)

    @property
    def words(self) -> str:
        """Which is ahead, and by how much."""
        here, server = (f"{_utc(one):%H:%M:%S}" for one in (self.here, self.server))
        way = "ahead of" if self.here > self.server else "behind"
        return (
            f"this machine's clock is {timedelta(seconds=round(self.apart))} h {way} PostgreSQL's"
            f" ({here} and {server} UTC)"
        )


@dataclass(frozen=True)
class ClockWatch:
    """Who is told where the clocks are more than `most` seconds apart; `raise_` is called with the
    alert.
    """

    environment: Environment
    most: float
    runbooks: str
    raise_: Callable[[Alert], object]

    def tell(self, engine: Engine, night: date, command: str, now: datetime) -> list[str]:
        """Raise the alarm once while it lasts; what was found, in words. `command` starts the
        night again.
        """
        clocks = Clocks.read(engine)
        if clocks.apart <= self.most:
            return []
        if not any(one.alert.kind == "clocks_apart" for one in spool_of(self.environment).open()):
            words = f"{clocks.words}: what Airflow starts next may wait until both say the same"
            alarm = Alarm("clocks_apart", "seconds", self.most, clocks.apart, words)
            remedy = f"timedatectl on both machines; once they agree, if {night} waits: {command}"
            self.raise_(
                alarm_alert(
                    alarm,
                    as_of=night,
                    reader_state="readers keep the lists that they have",
                    remedy=remedy,
                    runbooks=self.runbooks,
                    now=now,
                    once=now.isoformat() + clocks.words,  # a jump later on is told again
                )
            )
        return [clocks.words]

    def resolve(self, engine: Engine, now: datetime) -> None:
        """End the alarm where the clocks say the same again."""
        if Clocks.read(engine).apart <= self.most:
            over = "the clocks say the same again"
            spool_of(self.environment).resolve(lambda one: one.kind == "clocks_apart", over, now)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
