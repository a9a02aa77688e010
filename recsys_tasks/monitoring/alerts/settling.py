"""Which incidents are over: the night they stopped was made after all, or what they tell of is no
longer so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime

from recsys_tasks.config import Environment
from recsys_tasks.dag_names import (
    NIGHTLY_DAGS,
    PUBLISHING_DAGS,
    WATCH_FRESHNESS,
    WITHOUT_AIRFLOW,
    plain_name,
)
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.spool import spool_of


def over_with(
    *, newest: date | None, held: bool, stopped: Iterable[str], fresh: bool, unanswered: datetime
) -> Callable[[Alert], bool]:
    """Whether an open alert is over, seen by the watcher.

    `newest` is the newest night whose lists were made; `stopped` names DAGs that cannot run;
    `fresh`: nobody would call what readers see stale now. Who was asked before `unanswered` can no
    longer agree.
    """
    still = list(stopped)

    def over(alert: Alert) -> bool:
        if plain_name(alert.dag) == WATCH_FRESHNESS:
            return True  # it looks again
        if alert.kind == "paused":
            return not still
        if alert.kind == "held":
            return not held
        if alert.kind == "approval":
            return datetime.fromisoformat(alert.raised_at) < unanswered
        if alert.kind == "stale":
            return fresh
        if alert.kind == "missed_night" or plain_name(alert.dag) in (
            *PUBLISHING_DAGS,
            WITHOUT_AIRFLOW,
        ):
            return newest is not None and bool(alert.as_of) and alert.as_of <= newest.isoformat()
        return False

    return over


def end_of_night(environment: Environment, as_of: date, now: datetime) -> int:
    """A night went through to its end: what was open of it and of nights before is over; how much
    that was.
    """

    def over(alert: Alert) -> bool:
        if alert.kind == "approval":
            return alert.as_of < as_of.isoformat()
        of_a_night = plain_name(alert.dag) in (*NIGHTLY_DAGS, WITHOUT_AIRFLOW) or alert.kind in (
            "missed_night",
            "stale",
        )
        return of_a_night and bool(alert.as_of) and alert.as_of <= as_of.isoformat()

    return spool_of(environment.home).resolve(over, f"the night of {as_of} ended well", now)
