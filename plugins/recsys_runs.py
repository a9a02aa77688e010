"""The night that a run is for, and the translation of our errors into Airflow's."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from recsys_alerts import error_place, name_of, utc_text
from recsys_retries import attempt_of, is_spent

from recsys_tasks.errors import ConfigError
from recsys_tasks.retries import SHORT_RETRIES

if TYPE_CHECKING:
    from recsys_tasks.monitoring.alerts.kept_texts import Texts

log = logging.getLogger(__name__)

# --- the night's date -----------------------------------------------------------------------------


def resolve_as_of(context: Mapping[str, Any]) -> date:
    """The night's date: partition key, else `conf["as_of"]`, else the triggering asset events.

    `logical_date` is None in runs that assets trigger, so nothing is keyed on it.
    Raises ConfigError when there is no date, when it is no date, or when events disagree.
    """
    run = context["dag_run"]
    where = f"run {run.run_id} of {run.dag_id}"
    found = (
        _names(getattr(run, "partition_key", None))
        or _names((run.conf or {}).get("as_of"))
        or _names(*_event_dates(context.get("triggering_asset_events") or {}))
    )
    command = f"""airflow dags trigger {run.dag_id} --conf '{{"as_of": "YYYY-MM-DD"}}'"""
    remedy = f"trigger it with a date: the field Night of Trigger in Airflow's UI, or `{command}`"
    if len(found) != 1:
        raise ConfigError(
            expected="one date for this run", found=f"{found or 'none'}", where=where, remedy=remedy
        )
    try:
        return date.fromisoformat(found[0])
    except ValueError as error:
        raise ConfigError(
            expected="a date as YYYY-MM-DD", found=repr(found[0]), where=where, remedy=remedy
        ) from error


def _names(*values: Any) -> list[str]:
    return sorted({str(value).strip() for value in values if value})


def _event_dates(events: Mapping[Any, Any]) -> Iterator[Any]:
    for asset in events:
        for event in events[asset]:
            yield getattr(event, "partition_key", None) or (event.extra or {}).get("as_of")


# --- errors ---------------------------------------------------------------------------------------


@contextmanager
def as_airflow_errors(stage_name: str, context: Mapping[str, Any]) -> Iterator[None]:
    """Record an error for the alert, then fail without a retry unless the outside world is to
    blame.

    A DAG-level callback gets no exception, so the four parts are written down first: as
    `RECSYS_HOME/errors/<dag>/<run>/<task>.json` or, for a callback of another host, in the
    database. What an earlier try left there is removed when a try begins: it is not why this one
    fails.
    """
    from recsys_tasks.monitoring.alerts.task_errors import end_try

    instance = context["ti"]
    run, name = context["dag_run"], name_of(instance)
    place = error_place(run.dag_id, run.run_id)
    attempt = attempt_of(instance)
    try:
        _begin(place, name, attempt)
        yield
    except AirflowException:
        raise
    except (Exception, AirflowTaskTimeout) as error:
        _record(place, stage_name, context, error)
        if is_spent(error, attempt):
            raise AirflowFailException(str(error)) from error
        raise
    finally:
        with suppress(OSError):
            end_try(place, name)


def _begin(place: Texts, name: str, attempt: int) -> None:
    """Raises Killed where tries before this one were ended from outside again and again."""
    from recsys_tasks.monitoring.alerts.task_errors import begin_try, clear_error, killed

    before = 0
    with suppress(OSError):
        clear_error(place, name)
        before = begin_try(place, name, attempt)
    if before > SHORT_RETRIES:
        raise killed(name, f"{before} tries in a row were killed")


def _record(
    place: Texts, stage_name: str, context: Mapping[str, Any], error: BaseException
) -> None:
    from recsys_tasks.monitoring.alerts.task_errors import describe_error, record_error

    instance = context["ti"]
    number = int(getattr(instance, "try_number", 0) or 0)
    started = utc_text(getattr(context["dag_run"], "start_date", None))
    failed = describe_error(
        name_of(instance), stage_name, error, started=started, try_number=number
    )
    try:
        record_error(place, failed)
    except OSError as full:  # the disk may be why the task fails: its own error goes on
        log.warning("The error could not be written down for the alert: %s", full)
