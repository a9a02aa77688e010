"""Alerts of a night without Airflow: a failed stage is one, and what waits is delivered at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from recsys_tasks.config import EnvironmentConnection, connection_of_environment
from recsys_tasks.dag_names import WITHOUT_AIRFLOW
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.build import describe_readers, failure_alert
from recsys_tasks.monitoring.alerts.channels import ConnectionOf, Send, open_channels
from recsys_tasks.monitoring.alerts.delivery import KeepAlert, deliver, send_now
from recsys_tasks.monitoring.alerts.digest import digest_of
from recsys_tasks.monitoring.alerts.heartbeat import beat
from recsys_tasks.monitoring.alerts.settling import end_of_night
from recsys_tasks.monitoring.alerts.spool import raise_alert, spool_of
from recsys_tasks.monitoring.alerts.table import keep_alert, published_night
from recsys_tasks.monitoring.alerts.task_errors import FailedRun, describe_error
from recsys_tasks.stages.night import Night

AIRFLOW_FOLDER = "airflow"
"""Below RECSYS_HOME where the launcher keeps Airflow's own home."""
log = logging.getLogger(__name__)


def tell_of_failure(night: Night, stage: str, error: Exception, now: datetime) -> None:
    """Raise the alert of a stage that failed, and deliver what waits. Never raises.

    The same error of the same night is one incident, however often the night is tried.
    """
    try:
        _tell_of_failure(night, stage, error, now)
    except Exception:  # the stage's own error must reach the person, whatever happens here
        log.exception("An alert could not be raised")


def _tell_of_failure(night: Night, stage: str, error: Exception, now: datetime) -> None:
    night_of, failed = night.as_of.isoformat(), describe_error(stage, stage, error)
    # a retried night that fails at another thing is another incident
    cause = f"{failed.error} at {stage}: {failed.where}"
    alert = failure_alert(
        FailedRun(
            WITHOUT_AIRFLOW, f"{WITHOUT_AIRFLOW} {night_of}", cause, night_of, [failed], [stage]
        ),
        reader_state=_readers(night, now),
        runbooks=night.config.alerts.runbook_base,
        now=now,
        settings=str(night.environment.config_path),
    )
    try:
        raise_alert(night.environment, alert)
    except OSError as refused:
        log.warning("No folder can keep the alert (%s): it is sent at once", refused)
        log.info(send_now(alert, _channels(night)[0], _keeper(night)))
        return
    deliver_alerts(night, now)


def tell_of_success(night: Night, now: datetime) -> None:
    """End what the night has made good, and deliver what waits. Never raises."""
    try:
        end_of_night(night.environment, night.as_of, now)
    except OSError as error:
        log.warning("What is over could not be noted: %s", error)
    deliver_alerts(night, now)
    if line := beat(night.config.alerts, _connections(night), night.as_of):
        log.info(line)


def deliver_alerts(night: Night, now: datetime) -> None:
    """Offer every alert that waits to the table and to the channels whose connections are in the
    environment. Never raises.
    """
    senders, later = _channels(night)
    digest = digest_of(night.config.alerts, night.config.schedule, now)
    spool = spool_of(night.environment)
    try:
        log.info(deliver(spool, senders, _keeper(night), now=now, known=later, digest=digest))
    except Exception:
        log.exception("Alerts could not be delivered")


def _channels(night: Night) -> tuple[dict[str, Send], list[str]]:
    """As `open_channels`; what Airflow alone may know of is left to it."""
    return open_channels(night.config.alerts, _connections(night))


def _connections(night: Night) -> ConnectionOf:
    def connection_of(name: str) -> EnvironmentConnection | None:
        found = connection_of_environment(name)
        if found is None and (night.environment.home / AIRFLOW_FOLDER).exists():
            raise LookupError(f"connection {name}: perhaps Airflow's")
        return found

    return connection_of


def _keeper(night: Night) -> KeepAlert:
    def keep(alert: Alert, names: Sequence[str], resolved_at: str) -> None:
        keep_alert(night.engine, alert, names, resolved_at)

    return keep


def _readers(night: Night, now: datetime) -> str:
    nights = night.expected_nights
    left = nights.time_left(night.as_of, now) if nights else ""
    try:
        return describe_readers(published_night(night.engine), night.as_of, left)
    except Exception as error:
        log.warning("The database was asked for an alert in vain: %s", type(error).__name__)
        return "; ".join(filter(None, ["unknown: the database did not answer", left]))
