"""How Airflow sees the pipeline: assets, schedules, default arguments, a task for each stage.

Every Airflow process loads this file, so it imports nothing heavy; a stage's libraries are imported
inside its task.
"""

from __future__ import annotations

import functools
import operator
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from typing import Any

from airflow.sdk import (
    Asset,
    CronPartitionTimetable,
    CronTriggerTimetable,
    Param,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    get_current_context,
    task,
)
from airflow.sdk.timezone import utcnow
from recsys_alerts import IncidentAlert, deliver_alerts
from recsys_channels import connection_of, lend_connections
from recsys_retries import OutsideWorldRetries, attempt_of
from recsys_runs import as_airflow_errors, resolve_as_of
from recsys_watch import tell_of_clocks

from recsys_tasks.config import read_environment
from recsys_tasks.config.essentials import Essentials, read_essentials
from recsys_tasks.dag_names import dag_id, display_name
from recsys_tasks.errors import ConfigError
from recsys_tasks.stages import STAGES, Stage, stage_named

_SHORT_MINUTES = 1.5
"""Retries of a task that is no night's: it runs again soon anyway."""
_TO_SAY_SO = timedelta(minutes=5)
"""A stage that reached its limit ends by itself and says so; after this Airflow ends it."""


@functools.cache
def settings() -> Essentials:
    """What DAGs need of the settings file, read once a process.

    It never raises: Airflow starts no run of a DAG that it cannot import, so nobody would hear of a
    wrong file. The DAGs load, and the night's first task fails by the file's mistakes.
    """
    return read_essentials(read_environment())


# --- assets ---------------------------------------------------------------------------------------


@functools.cache
def asset(name: str) -> Asset:
    """The asset of one hand-over: each successful run of the stage that emits it updates it, keyed
    by the night's date.

    Raises ConfigError where no stage emits it.
    """
    emitted = [stage.emits for stage in STAGES if stage.emits]
    if name not in emitted:
        raise ConfigError(
            expected=f"an asset that a stage emits: {', '.join(emitted)}",
            found=repr(name),
            where="a DAG file",
            remedy="correct the name, or declare it in the stage",
        )
    return Asset(dag_id(name, settings().schedule.dag_prefix), group="nightshelf")


# --- schedules ------------------------------------------------------------------------------------


def nightly() -> CronPartitionTimetable | PartitionedAtRuntime:
    """The timetable of the first DAG: the cron `schedule.nightly` in the shop's zone. A simulated
    shop has no cron: its nights are triggered with a date.
    """
    if settings().clock == "simulated":
        return PartitionedAtRuntime()
    nights = settings().schedule.nights
    return CronPartitionTimetable(
        nights.cron,
        timezone=nights.timezone,
        run_offset=-1 if nights.is_before_cutoff else 0,  # to the start before, on the day before
        key_format="%Y-%m-%d",
    )


def after(*names: str) -> PartitionedAssetTimetable:
    """The timetable of a DAG that runs once all these assets exist for one date."""
    return PartitionedAssetTimetable(assets=functools.reduce(operator.and_, map(asset, names)))


def cron(expression: str) -> CronTriggerTimetable | None:
    """The timetable of a cron; None for a simulated shop, whose dates are not today's."""
    return (
        None
        if settings().clock == "simulated"
        else CronTriggerTimetable(expression, timezone=settings().schedule.timezone)
    )


# --- what every DAG and task shares ---------------------------------------------------------------


def retries(*, long: bool = True) -> OutsideWorldRetries:
    """Retries of a night's task, or the few minutes of any other's."""
    schedule = settings().schedule
    minutes = schedule.retry_minutes if long else min(schedule.retry_minutes, _SHORT_MINUTES)
    return OutsideWorldRetries(schedule.retry_first_seconds, minutes)


def dag_arguments(
    name: str, schedule: Any, *tags: str, doc: str | None, dated: bool = True
) -> dict[str, Any]:
    """Keyword arguments of every DAG. Only one run at a time is allowed, because a night builds on
    the night before.

    `doc`: what it does; its first sentence is shown in lists. `dated`: each run is for a night;
    whoever triggers one by hand is asked for its date.
    """
    prefix, policy = settings().schedule.dag_prefix, retries(long=dated)
    return {
        "dag_id": dag_id(name, prefix),
        "dag_display_name": display_name(name, prefix),
        "description": _first_sentence(doc),
        "doc_md": doc,
        "params": {"as_of": _date_picker()} if dated else {},
        "schedule": schedule,
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["nightshelf", *tags],
        "on_failure_callback": IncidentAlert(),
        "default_args": {
            "owner": "nightshelf",
            "retries": policy.retries,
            "retry_delay": timedelta(seconds=policy.waits[0]),  # of a killed task
            "retry_policy": policy,
            "execution_timeout": timedelta(minutes=60),
            "on_failure_callback": IncidentAlert(),
        },
    }


def _first_sentence(doc: str | None) -> str:
    return " ".join((doc or "").partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")


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


def stage(name: str) -> Any:
    """A task that runs one stage for the night's date: call the result to put it into a DAG.

    Raises ConfigError for a name that is no stage's.
    """
    declared = stage_named(name)
    emits = asset(declared.emits) if declared.emits else None
    options: dict[str, Any] = {
        "task_id": name,
        "execution_timeout": timedelta(minutes=_limit_minutes(declared)) + _TO_SAY_SO,
        "doc_md": _stage_doc(declared),
    }
    if declared.sharded:
        options["map_index_template"] = "shard {{ shard }}"
        options["max_active_tis_per_dagrun"] = settings().serving.parallel_shards

    @task(outlets=[emits] if emits else [], **options)
    def body(shard: int | None = None) -> str:
        return run_stage_task(name, shard, emits)

    return body


def _stage_doc(declared: Stage) -> str:
    """What a stage does, by its module's own words, and what it needs and leaves."""
    words = (import_module(declared.module).__doc__ or "").strip()
    needs = [*(one.kind for one in declared.opens), *declared.reads]
    lists = {"Reads": needs, "Writes": declared.makes}
    told = [f"{what}: {', '.join(kinds)}." for what, kinds in lists.items() if kinds]
    return "\n\n".join([words, *told, f"A try may take {_limit_minutes(declared):g} minutes."])


def _limit_minutes(declared: Stage) -> float:
    """A wrong name in `schedule.limit_minutes` is told by the tasks, not by a DAG that is gone."""
    return settings().schedule.limit_minutes.get(declared.name, declared.minutes)


def every_shard() -> list[int]:
    """Numbers of the shards that a sharded stage runs for."""
    return list(range(settings().serving.shards))


def run_stage_task(name: str, shard: int | None, emits: Asset | None) -> str:
    """Run a stage in a task: find the date, map errors, emit the asset; returns one line for
    people.
    """
    context = get_current_context()
    context["shard"] = shard  # type: ignore[typeddict-unknown-key]  # for map_index_template
    with as_airflow_errors(name, context):
        as_of = resolve_as_of(context)
        from recsys_tasks.stages import run_stage

        lend_connections()
        tell_of_clocks(as_of)
        instance = context["ti"]
        more_tries = attempt_of(instance) == 1 and bool(instance.task.retries)
        result = run_stage(name, as_of, shard=shard, now=utcnow(), more_tries=more_tries)
    if emits:
        event = context["outlet_events"][emits]
        event.extra = {"as_of": as_of.isoformat(), "artifact": result.artifact, "rows": result.rows}
        event.add_partitions(as_of.isoformat())
    return str(result.summary())


def end_alerts() -> str:
    """After a night that went well: resolve its open alerts, deliver, and call the heartbeat's URL;
    returns one line on that.
    """
    from recsys_tasks.monitoring.alerts.heartbeat import beat
    from recsys_tasks.monitoring.alerts.settling import end_of_night

    environment, as_of = read_environment(), resolve_as_of(get_current_context())
    with suppress(OSError):  # watch_freshness resolves them later
        end_of_night(environment, as_of, utcnow())
    lines = deliver_alerts(), beat(read_essentials(environment).alerts, connection_of, as_of)
    return "; ".join(filter(None, lines))
