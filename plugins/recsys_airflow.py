"""How Airflow sees the pipeline: assets, schedules, default arguments, the night's date, errors.

Every Airflow process loads this file, so it imports nothing heavy; a stage's libraries are imported
inside its task.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    CronPartitionTimetable,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    Param,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    RetryAction,
    RetryRule,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from airflow.sdk.timezone import utcnow
from recsys_alerts import (
    IncidentAlert,
    deliver_alerts,
    error_folder,
    moment_of,
    name_of,
    raise_or_send,
    reader_state,
)

from recsys_tasks.config import read_environment
from recsys_tasks.config.essentials import Essentials, read_essentials
from recsys_tasks.errors import ConfigError, RecsysError, TransientError

log = logging.getLogger(__name__)

# --- assets: one a hand-over, updated on every successful run, keyed by the night's date ----------

SNAPSHOT = Asset("snapshot", group="nightshelf")
TOWER = Asset("tower", group="nightshelf")
INDEX = Asset("index", group="nightshelf")
RELEASE = Asset("release", group="nightshelf")
PUBLICATION = Asset("publication", group="nightshelf")

_MINUTES = {
    "extract": 120,
    "freeze": 60,
    "train_two_tower": 360,
    "embed": 120,
    "build_index": 60,
    "build_examples": 180,
    "train_ranker": 180,
    "judge": 120,
    "promote": 10,
    "prepare_publication": 60,
    "precompute_shard": 180,
    "publish": 60,
    "monitor": 60,
    "report": 60,
}


@functools.cache
def settings() -> Essentials:
    """What DAGs need of the settings file, read once a process.

    It never raises: Airflow starts no run of a DAG that it cannot import, so nobody would hear of a
    wrong file. The DAGs load, and the night's first task fails by the file's mistakes.
    """
    return read_essentials(read_environment())


# --- schedules ------------------------------------------------------------------------------------


def nightly() -> CronPartitionTimetable | PartitionedAtRuntime:
    """Each night of a real shop; a simulated shop's nights come when they are triggered with a
    date.
    """
    if settings().clock == "simulated":
        return PartitionedAtRuntime()
    return CronPartitionTimetable(
        settings().schedule.nightly, timezone="UTC", key_format="%Y-%m-%d"
    )


def after(*assets: Asset) -> PartitionedAssetTimetable:
    """Once all assets exist for one date."""
    return PartitionedAssetTimetable(assets=functools.reduce(lambda a, b: a & b, assets))


def cron(expression: str) -> CronTriggerTimetable | None:
    """By the wall clock; never for a simulated shop, whose dates are not today's."""
    return (
        None
        if settings().clock == "simulated"
        else CronTriggerTimetable(expression, timezone="UTC")
    )


# --- what every DAG and task shares ---------------------------------------------------------------


def retry_policy() -> ExceptionRetryPolicy:
    """The outside world is tried again; what a person must correct is not."""
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception=TransientError,
                action=RetryAction.RETRY,
                reason="the outside world failed",
            ),
            RetryRule(
                exception=RecsysError,
                action=RetryAction.FAIL,
                reason="a person must correct this first",
            ),
        ]
    )


def dag_arguments(schedule: Any, *tags: str, dated: bool = True) -> dict[str, Any]:
    """Keyword arguments of every DAG: one run at a time, because a night builds on the night
    before.

    `dated`: its runs are for a night; who triggers one by hand is asked for the date.
    """
    return {
        "params": {"as_of": _date_picker()} if dated else {},
        "schedule": schedule,
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["nightshelf", *tags],
        "on_failure_callback": IncidentAlert(),
        "default_args": {
            "owner": "nightshelf",
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(minutes=15),
            "retry_policy": retry_policy(),
            "execution_timeout": timedelta(minutes=60),
            "on_failure_callback": IncidentAlert(),
        },
    }


def _date_picker() -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title="Night",
        description=(
            "The night to run: what is known before 00:00 UTC of this date. A run by hand needs it."
        ),
    )


def stage(name: str, *, emits: Asset | None = None) -> Any:
    """A task that runs one stage for the night's date: call the result to put it into a DAG."""
    options: dict[str, Any] = {
        "task_id": name,
        "execution_timeout": timedelta(minutes=_MINUTES[name]),
    }
    if name == "precompute_shard":
        options["map_index_template"] = "shard {{ shard }}"
        options["max_active_tis_per_dagrun"] = settings().serving.parallel_shards

    @task(outlets=[emits] if emits else [], **options)
    def body(shard: int | None = None) -> str:
        return run_stage_task(name, shard, emits)

    return body


def promotion(judge: Any) -> None:
    """After `judge`, where the settings ask for a person's agreement: ask, wait, promote. The night
    does not wait.
    """
    if not settings().gate.approval:
        return
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    @task.short_circuit(task_id="anything_to_approve")
    def anything_to_approve() -> str | None:
        from recsys_tasks.stages import awaits_approval

        context = get_current_context()
        words = awaits_approval(resolve_as_of(context))
        if words is not None:
            tell_of_approval(words, resolve_as_of(context))
        return words

    approve = ApprovalOperator(
        task_id="approve",
        subject="Promote tonight's release?",
        body="{{ ti.xcom_pull(task_ids='anything_to_approve') }}",
        defaults="Reject",
        response_timeout=timedelta(hours=settings().gate.approval_hours),
    )
    judge >> anything_to_approve() >> approve >> stage("promote")()


def tell_of_approval(words: str, as_of: date) -> None:
    """On-call hears that a release waits for a person, and how long."""
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.monitoring.alerts.build import alarm_alert

    hours, essentials = settings().gate.approval_hours, settings()
    alarm = Alarm(
        "approval",
        "hours_to_answer",
        hours,
        hours,
        f"a release waits for a person to agree: {words}",
    )
    remedy = (
        "answer on the page Required Actions of Airflow's UI; without an answer the champion stays"
    )
    now, readers = utcnow(), reader_state(as_of.isoformat())
    base = essentials.alerts.runbook_base
    raise_or_send(
        alarm_alert(alarm, as_of=as_of, reader_state=readers, remedy=remedy, runbooks=base, now=now)
    )
    log.info(deliver_alerts())


def run_stage_task(name: str, shard: int | None, emits: Asset | None) -> str:
    """Run a stage in a task: find the date, map errors, emit the asset; returns one line for
    people.
    """
    context = get_current_context()
    context["shard"] = shard  # type: ignore[typeddict-unknown-key]  # for map_index_template
    with as_airflow_errors(name, context):
        as_of = resolve_as_of(context)
        from recsys_tasks.stages import run_stage

        result = run_stage(name, as_of, shard=shard, now=utcnow())
    if emits:
        event = context["outlet_events"][emits]
        event.extra = {"as_of": as_of.isoformat(), "artifact": result.artifact, "rows": result.rows}
        event.add_partitions(as_of.isoformat())
    return str(result.summary())


def end_alerts() -> str:
    """The night went well: end what was open of it, then deliver; returns one line for people."""
    from recsys_tasks.monitoring.alerts.settling import end_of_night

    with suppress(OSError):  # the watcher ends them later
        end_of_night(read_environment(), resolve_as_of(get_current_context()), utcnow())
    return deliver_alerts()


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

    A DAG-level callback gets no exception, so the four parts are written to
    `RECSYS_HOME/errors/<dag>/<run>/<task>.json` first. What an earlier try left there is removed
    when a try begins: it is not why this one fails.
    """
    from recsys_tasks.monitoring.alerts.incidents import clear_error, describe_error, record_error

    run, instance = context["dag_run"], context["ti"]
    folder, name = error_folder(run.dag_id, run.run_id), name_of(instance)
    with suppress(OSError):
        clear_error(folder, name)
    try:
        yield
    except AirflowException:
        raise
    except (Exception, AirflowTaskTimeout) as error:
        number = int(getattr(instance, "try_number", 0) or 0)
        started = moment_of(getattr(run, "start_date", None))
        try:
            record_error(
                folder, describe_error(name, stage_name, error, started=started, try_number=number)
            )
        except OSError as full:  # the disk may be why the task fails: its own error goes on
            log.warning("The error could not be written down for the alert: %s", full)
        if isinstance(error, RecsysError) and not error.retryable:
            raise AirflowFailException(str(error)) from error
        raise
