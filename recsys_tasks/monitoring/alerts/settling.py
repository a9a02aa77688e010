"""Which incidents are over: the night that they stopped has been made since, or the fault that they
report is gone.
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
    """A function that says whether the incident of an open alert is over, by what watch_freshness
    knows.

    `newest`: the newest night whose lists were made; `held`: whether there is a hold; `stopped`:
    DAGs that cannot run; `fresh`: whether readers' lists are not stale. A request for approval that
    was sent before `unanswered` has expired.
    """
    still = list(stopped)

    def over(alert: Alert) -> bool:
        if plain_name(alert.dag) == WATCH_FRESHNESS:
            return True  # watch_freshness runs again, and would raise a new alert
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
    """Resolve the open alerts of a night that ended well, and of earlier nights; returns how many
    these were.
    """

    def over(alert: Alert) -> bool:
        if alert.kind == "approval":
            return alert.as_of < as_of.isoformat()
        of_a_night = plain_name(alert.dag) in (*NIGHTLY_DAGS, WITHOUT_AIRFLOW) or alert.kind in (
            "missed_night",
            "stale",
        )
        return of_a_night and bool(alert.as_of) and alert.as_of <= as_of.isoformat()

    return spool_of(environment).resolve(over, f"the night of {as_of} ended well", now)
