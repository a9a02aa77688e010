"""The notifier: one alert for a failed run, even when its task was killed and left no exception.

It hangs on every DAG and on every task: a task-level callback never runs when the last try is
killed, a DAG-level one needs the dag-processor. Whichever comes first raises the alert; a run that
both miss is found by watch_freshness. Every Airflow process loads this file, so it imports nothing
heavy; and nothing in it needs right settings.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.timezone import utcnow
from recsys_channels import channels

from recsys_tasks.config import read_environment
from recsys_tasks.config.essentials import Essentials, read_essentials, remember

if TYPE_CHECKING:
    from recsys_tasks.monitoring.alerts.kept_texts import Texts

T = TypeVar("T")
log = logging.getLogger(__name__)
_READER_SECONDS = 8.0
_sent_without_spool: set[str] = set()


class IncidentAlert(BaseNotifier):
    """Spools one alert a failed run, then offers it to every channel."""

    template_fields = ()

    def __call__(self, *args: Any) -> None:
        """Notify at once: there are no templates to fill, and not every DAG that calls back could
        fill some.
        """
        self.notify(args[0])

    def notify(self, context: Mapping[str, Any]) -> None:
        """Raise the alert and deliver what waits. Never raises: an alert must not cost what it
        reports on.
        """
        for step in (lambda: raise_incident(context), lambda: log.info(deliver_alerts())):
            try:
                step()
            except Exception:
                log.exception("An alert could not be raised or delivered")


def raise_incident(context: Mapping[str, Any]) -> bool:
    """Spool the alert of a failed run; False when this failure has one already."""
    from recsys_tasks.monitoring.alerts.task_errors import read_errors

    run, instance = context.get("dag_run"), context.get("ti")
    dag_id, run_id = context["dag"].dag_id, getattr(run, "run_id", None) or context["run_id"]
    started = utc_text(getattr(run, "start_date", None))
    last_try = (
        (name_of(instance), int(getattr(instance, "try_number", 0) or 0)) if instance else None
    )
    errors = read_errors(error_place(dag_id, run_id), started=started, last_try=last_try)
    if last_try and not errors and (error := _own_error(context.get("exception"))) is not None:
        errors = [_described(last_try[0], instance, error)]
    tasks = [name_of(instance)] if instance else []
    return raise_failure(dag_id, run_id, started, night_of(run), errors, tasks)


def raise_failure(
    dag_id: str, run_id: str, started: str, as_of: str, errors: Any, tasks: Any
) -> bool:
    """Spool the alert of a run that failed in these tasks; False when this failure has one
    already.
    """
    from recsys_tasks.monitoring.alerts.build import failure_alert
    from recsys_tasks.monitoring.alerts.task_errors import FailedRun

    environment = read_environment()
    essentials = read_essentials(environment)
    alert = failure_alert(
        FailedRun(dag_id, run_id, started, as_of, errors, tasks),
        reader_state=reader_state(as_of, essentials),
        runbooks=essentials.alerts.runbook_base,
        now=utcnow(),
        settings=str(environment.config_path),
    )
    return raise_or_send(alert)


def raise_or_send(alert: Any) -> bool:
    """Spool an alert; where no folder can be written, send it at once. False when its incident is
    known already.
    """
    from recsys_tasks.monitoring.alerts.delivery import send_now
    from recsys_tasks.monitoring.alerts.spool import raise_alert

    environment = read_environment()
    try:
        return raise_alert(environment, alert)
    except OSError as error:
        log.warning("No folder can keep the alert (%s): it is sent at once", error)
    if alert.incident in _sent_without_spool or _in_table(alert):
        return False
    _sent_without_spool.add(alert.incident)
    log.info(send_now(alert, channels(read_essentials(environment).alerts)[0], _keep))
    return True


def deliver_alerts() -> str:
    """Offer every spooled alert to the table and to the channels that exist; one line on how it
    went.
    """
    from recsys_tasks.monitoring.alerts.delivery import deliver
    from recsys_tasks.monitoring.alerts.digest import digest_of
    from recsys_tasks.monitoring.alerts.spool import spool_of

    environment, now = read_environment(), utcnow()
    essentials: Essentials = read_essentials(environment)
    remember(environment, essentials)
    senders, unknown = channels(essentials.alerts)
    digest = digest_of(essentials.alerts, essentials.schedule, now)
    spool = spool_of(environment)
    return deliver(spool, senders, _keep, now=now, known=unknown, digest=digest)


def reader_state(as_of: str, essentials: Essentials) -> str:
    """What readers see while the night `as_of` is missing, and the time left to their deadline; it
    waits a few seconds for the database.
    """
    from recsys_tasks.monitoring.alerts.build import describe_readers

    now, nights = utcnow(), essentials.schedule.nights
    try:
        night = date.fromisoformat(as_of)
        left = nights.time_left(night, now) if essentials.clock == "wall" else ""
    except (ValueError, OverflowError):  # a run without a date, or with a mistyped one
        night, left = nights.date_of(nights.last_start(now)), ""

    def ask() -> str:
        from recsys_tasks.monitoring.alerts.table import published_night

        return describe_readers(published_night(_engine()), night, left)

    unknown = "; ".join(filter(None, ["unknown: the database did not answer", left]))
    return _within(_READER_SECONDS, ask, unknown)


def _within(seconds: float, ask: Callable[[], T], otherwise: T) -> T:
    """The answer, or `otherwise` when there is none in time: the alert matters more."""
    answers: list[T] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:
            log.warning("The database was asked for an alert in vain: %s", type(error).__name__)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    return answers[0] if answers else otherwise


def _in_table(alert: Any) -> bool:
    def ask() -> bool:
        from recsys_tasks.monitoring.alerts.table import was_sent

        return was_sent(_engine(), alert.incident)

    return bool(_within(_READER_SECONDS, ask, False))


def _engine() -> Any:
    from recsys_tasks.database import create_engine, database_url

    return create_engine(database_url(read_environment()))


def _keep(alert: Any, names: Any, resolved_at: str) -> None:
    from recsys_tasks.monitoring.alerts.table import keep_alert

    keep_alert(_engine(), alert, names, resolved_at)


# --- a run, as both kinds of context have it ------------------------------------------------------


def night_of(run: Any) -> str:
    """The run's date as text, or an empty one."""
    conf = getattr(run, "conf", None) or {}
    return str(getattr(run, "partition_key", None) or conf.get("as_of") or "")


def utc_text(timestamp: datetime | None) -> str:
    """A timestamp as ISO-8601 text in UTC, the same in each Airflow process; empty for None."""
    return timestamp.astimezone(UTC).isoformat() if isinstance(timestamp, datetime) else ""


def name_of(instance: Any) -> str:
    """The task's id, with its shard's number where it is mapped."""
    shard = getattr(instance, "map_index", -1)
    return str(instance.task_id) if shard is None or shard < 0 else f"{instance.task_id}.{shard}"


def error_place(dag_id: str, run_id: str) -> Texts:
    """Where tasks of a run leave their errors for the alert."""
    from recsys_tasks.monitoring.alerts.kept_texts import texts_of

    return texts_of(read_environment(), "errors", dag_id, run_id)


def _own_error(error: Any) -> BaseException | None:
    """What a task-level callback knows: the error itself, or what Airflow's own error was raised
    from.
    """
    if not isinstance(error, BaseException):
        return None
    return (
        error.__cause__
        if isinstance(error, AirflowException) and error.__cause__ is not None
        else error
    )


def _described(task: str, instance: Any, error: BaseException) -> Any:
    from recsys_tasks.monitoring.alerts.task_errors import describe_error

    return describe_error(task, instance.task_id, error)
