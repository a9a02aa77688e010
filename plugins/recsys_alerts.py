"""The notifier: one alert for a failed run, even when its task was killed and left no exception.

It hangs on the DAG, not on tasks: a task-level callback never runs when the last try is killed.
Every Airflow process loads this file, so it imports nothing heavy.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow.sdk import BaseHook, BaseNotifier
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.timezone import utcnow

from recsys_tasks.config import Config, load_config, read_environment

log = logging.getLogger(__name__)
_SECONDS = 10


class IncidentAlert(BaseNotifier):
    """Spools one alert a failed run, then offers it to every channel."""

    template_fields = ()

    def notify(self, context: Mapping[str, Any]) -> None:
        """Raise the alert and deliver what waits. Never raises: an alert must not cost what it reports on."""
        for step in (lambda: raise_incident(context), lambda: log.info(deliver_alerts())):
            try:
                step()
            except Exception:
                log.exception("An alert could not be raised or delivered")


def raise_incident(context: Mapping[str, Any]) -> bool:
    """Spool the alert of a failed run; False when this failure has one already."""
    from recsys_tasks.monitoring.alerts import failure_alert
    from recsys_tasks.monitoring.incidents import read_errors
    from recsys_tasks.monitoring.spool import spool_of

    environment = read_environment()
    run, instance = context.get("dag_run"), context.get("ti")
    dag_id, run_id = context["dag"].dag_id, getattr(run, "run_id", None) or context["run_id"]
    as_of = str(getattr(run, "partition_key", None) or (getattr(run, "conf", None) or {}).get("as_of") or "")
    alert = failure_alert(
        dag=dag_id,
        run=run_id,
        started=str(getattr(run, "start_date", "")),
        as_of=as_of,
        errors=read_errors(environment.home / "errors" / dag_id / run_id),
        tasks=[instance.task_id] if instance else [],
        reader_state=_reader_state(as_of),
        runbooks=load_config(environment.config_path).alerts.runbook_base,
        now=utcnow(),
    )
    return spool_of(environment.home).add(alert)


def deliver_alerts() -> str:
    """Offer every spooled alert to the table and to the channels that exist; one line on how it went."""
    from recsys_tasks.monitoring.spool import deliver, spool_of

    environment = read_environment()
    return deliver(spool_of(environment.home), _channels(load_config(environment.config_path)), _keep)


def _reader_state(as_of: str) -> str:
    try:
        from recsys_tasks.monitoring.alert_table import published_night
        from recsys_tasks.monitoring.alerts import describe_readers

        night = date.fromisoformat(as_of) if as_of else utcnow().date()
        return describe_readers(published_night(_engine()), night)
    except Exception as error:  # the alert matters more than this sentence
        log.warning("Could not read what readers see: %s", error)
        return "unknown: the database did not answer"


def _engine() -> Any:
    from recsys_tasks.database import create_engine, database_url

    return create_engine(database_url(read_environment()))


def _keep(alert: Any, channels: Any) -> None:
    from recsys_tasks.monitoring.alert_table import keep_alert

    keep_alert(_engine(), alert, channels)


def _channels(config: Config) -> dict[str, Any]:
    """Senders of those configured connections that exist."""
    found = {}
    for name, connection_id, send in (
        ("slack", config.alerts.slack_connection, _send_slack),
        ("webhook", config.alerts.webhook_connection, _send_webhook),
    ):
        if connection_id and _exists(connection_id):
            found[name] = lambda alert, send=send, connection_id=connection_id: send(connection_id, alert)
    return found


def _exists(connection_id: str) -> bool:
    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return False
    return bool(connection.host or connection.password)  # an empty AIRFLOW_CONN_… variable is no connection


def _send_slack(connection_id: str, alert: Any) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    from recsys_tasks.monitoring.alerts import as_text

    SlackWebhookHook(slack_webhook_conn_id=connection_id, timeout=_SECONDS).send(text=as_text(alert))


def _send_webhook(connection_id: str, alert: Any) -> None:
    """POST the alert as JSON; the connection's password, where set, goes as a bearer token."""
    from dataclasses import asdict

    import httpx

    connection = BaseHook.get_connection(connection_id)
    headers = {"Authorization": f"Bearer {connection.password}"} if connection.password else {}
    httpx.post(webhook_url(connection), json=asdict(alert), headers=headers, timeout=_SECONDS).raise_for_status()


def webhook_url(connection: Any) -> str:
    """The host when it is a whole URL, else schema, host, port and the extra field `path`."""
    host = connection.host or ""
    if "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    path = str((connection.extra_dejson or {}).get("path", ""))
    return f"{connection.schema or 'https'}://{host}{port}/{path.lstrip('/')}"
