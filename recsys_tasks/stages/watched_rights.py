"""Whether analysts and applications may still read what they were promised, and write nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from recsys_tasks.config import Environment
from recsys_tasks.database.rights import wrong_rights
from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.build import alarm_alert
from recsys_tasks.monitoring.alerts.spool import spool_of


def tell_of_rights(
    environment: Environment,
    engine: Engine,
    runbooks: str,
    now: datetime,
    raise_: Callable[[Alert], bool],
) -> list[str]:
    """Raise the alarm once while it lasts, and end it after; what was found, in words."""
    with engine.connect() as connection:
        wrong = wrong_rights(connection)
    spool = spool_of(environment)
    if not wrong.number:
        over = "readers have the rights that they were promised, and no others"
        spool.resolve(lambda alert: alert.kind == "permissions", over, now)
        return []
    if not any(record.alert.kind == "permissions" for record in spool.open()):
        words = f"readers' rights are wrong: {wrong.words}"
        refused = "readers keep the lists that they have"
        if wrong.lost:
            refused = "what readers may not ask is refused to them; everything else goes on"
        raise_(
            alarm_alert(
                Alarm("permissions", "wrong_rights", 0, wrong.number, words),
                as_of=now.date(),
                reader_state=refused,
                remedy=wrong.remedy(embedded=not environment.database_url),
                runbooks=runbooks,
                now=now,
                once=now.isoformat(),  # what is revoked again after it was mended is told again
            )
        )
    return [wrong.words]
