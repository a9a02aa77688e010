"""What watch_freshness does each time, and the scheduler's own note of each run that failed.

A callback can be lost: the task's when it is killed, the DAG's when the dag-processor is down. So
the scheduler, which knows of every failed run, notes each in `RECSYS_HOME/alerts/failed` or, for a
watcher of another host, in the database; the watcher raises what has no alert by then.
"""

from __future__ import annotations

import json
import logging
import runpy
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.timezone import utcnow
from recsys_alerts import (
    deliver_alerts,
    error_place,
    night_of,
    raise_failure,
    raise_or_send,
    utc_text,
)

from recsys_tasks.config import read_environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.dag_names import FIRST_DAG, NIGHTLY_DAGS, OTHER_DAGS, dag_id

if TYPE_CHECKING:
    from recsys_tasks.monitoring.alerts.kept_texts import Texts

log = logging.getLogger(__name__)
_LOOP_SECONDS = 1.0
"""The most that the scheduler's loop waits for a note; it is written on beside it."""
_FOR_CALLBACKS = timedelta(minutes=3)
"""Time in which a failed run's own callbacks raise its alert, before watch_freshness does."""


# --- the scheduler's note -------------------------------------------------------------------------


class FailedRuns:
    """Airflow's listener for failed runs. It runs in the scheduler's loop, so it only writes one
    small file; what asks a database waits for it beside the loop.
    """

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Note the run. `msg` is empty where a person marked the run as failed: that is no
        incident.
        """
        if not msg or dag_run.dag_id not in ids((*NIGHTLY_DAGS, *OTHER_DAGS)):
            return
        try:
            note = note_of(
                dag_run.dag_id, dag_run.run_id, utc_text(dag_run.start_date), night_of(dag_run)
            )
            noting = threading.Thread(target=keep_note, args=note)
            noting.start()
            noting.join(_LOOP_SECONDS)
        except Exception:
            log.exception("A failed run could not be noted")


class FailedRunsPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "nightshelf_failed_runs"
    listeners = [FailedRuns()]  # noqa: RUF012


def ids(names: Iterable[str]) -> list[str]:
    """The ids under which Airflow knows these DAGs of this shop."""
    prefix = read_essentials(read_environment()).schedule.dag_prefix
    return [dag_id(name, prefix) for name in names]


def note_of(dag_id: str, run_id: str, started: str, as_of: str) -> tuple[str, str]:
    """The note that a run failed: its name and text."""
    from recsys_tasks.monitoring.alerts.task_errors import safe_name

    note = {
        "dag": dag_id,
        "run": run_id,
        "started": started,
        "as_of": as_of,
        "at": utcnow().isoformat(),
    }
    return safe_name(f"{dag_id}.{run_id}.{started}"), json.dumps(note)


def keep_note(name: str, text: str) -> None:
    """Write a note down. Never raises."""
    try:
        notes().write(name, text)
    except OSError:
        log.exception("A failed run could not be noted")


def notes() -> Texts:
    """Where failed runs are noted until the watcher tells of them."""
    from recsys_tasks.monitoring.alerts.kept_texts import texts_of

    return texts_of(read_environment(), "alerts", "failed")


# --- clocks ---------------------------------------------------------------------------------------


def tell_of_clocks(as_of: date) -> None:
    """Tell on-call at once where this machine's clock is not PostgreSQL's, before a stage of the
    night: whatever would tell of it later waits, too. Never raises.
    """
    from recsys_tasks.database import create_engine, database_url
    from recsys_tasks.monitoring.alerts.rerun import trigger_command
    from recsys_tasks.stages.watched_clock import ClockWatch

    environment = read_environment()
    essentials = read_essentials(environment)
    most, runbooks = essentials.monitoring.max_clock_seconds, essentials.alerts.runbook_base
    command = trigger_command(as_of, ids([FIRST_DAG])[0])
    try:
        engine = create_engine(database_url(environment))
        clocks = ClockWatch(environment, most, runbooks, raise_or_send)
        if clocks.tell(engine, as_of, command, utcnow()):
            log.info(deliver_alerts())
        engine.dispose()
    except Exception:
        log.exception("The clocks could not be compared")


# --- the watcher's look ---------------------------------------------------------------------------


def look(context: Mapping[str, Any]) -> str:
    """Raise what raises no alert by itself; one line on what was found. Raises RecsysError without
    a database.
    """
    from recsys_tasks.stages.watch import Look
    from recsys_tasks.stages.watch import look as watch
    from recsys_tasks.stages.watched_airflow import Airflow

    now, instance = utcnow(), context["ti"]
    unheard = raise_unheard(instance, now)
    environment = read_environment()
    airflow = Airflow(
        paused=tuple(
            name
            for name in ids(NIGHTLY_DAGS)
            if _answer(instance, "get_dag", "is_paused", dag_id=name)
        ),
        broken=tuple(broken_files(Path(context["dag"].fileloc).parent)),
        at_work=tuple(name for name in ids(NIGHTLY_DAGS) if _runs_under_way(instance, name)),
    )
    found = watch(Look(environment, read_essentials(environment), now, airflow, raise_or_send))
    return "; ".join(
        filter(None, [found, f"{unheard} failed run(s) had no alert" if unheard else ""])
    )


def raise_unheard(instance: Any, now: datetime) -> int:
    """Raise the alert of each noted run that still is failed and has none; how many there were."""
    from recsys_tasks.monitoring.alerts.task_errors import read_errors

    raised = 0
    kept = notes()
    for name, text in sorted(kept.read_all().items()):
        note = _parsed(text)
        if note is not None and now - datetime.fromisoformat(note["at"]) < _FOR_CALLBACKS:
            continue
        if note is not None and _still_failed(instance, note["dag"], note["run"]):
            errors = read_errors(error_place(note["dag"], note["run"]), started=note["started"])
            tasks = [] if errors else _failed_tasks(instance, note["dag"], note["run"])
            raised += raise_failure(
                note["dag"], note["run"], note["started"], note["as_of"], errors, tasks
            )
        with suppress(OSError):
            kept.remove(name)
    return raised


def broken_files(folder: Path) -> Iterator[str]:
    """DAG files that cannot be imported, each with the class of its error."""
    for path in sorted(folder.glob("*.py")):
        try:
            runpy.run_path(str(path), run_name=f"looked_at_{path.stem}")
        except Exception as error:
            yield f"{path.stem}: {type(error).__name__}"


def _parsed(text: str) -> dict[str, str] | None:
    try:
        note = json.loads(text)
        return note if {"dag", "run", "started", "as_of", "at"} <= set(note) else None
    except (ValueError, TypeError):
        return None


def _answer(instance: Any, question: str, part: str | None = None, **about: Any) -> Any:
    """What Airflow's API for tasks says; None where it does not answer. A look must not fail by
    it.
    """
    try:
        answer = getattr(instance, question)(**about)
        return answer if part is None else getattr(answer, part)
    except Exception as error:
        log.warning("Airflow did not answer %s of %s: %s", question, about, type(error).__name__)
        return None


def _runs_under_way(instance: Any, dag_id: str) -> bool:
    return bool(_answer(instance, "get_dr_count", dag_id=dag_id, states=["running", "queued"]))


def _still_failed(instance: Any, dag_id: str, run_id: str) -> bool:
    return str(_answer(instance, "get_dagrun_state", dag_id=dag_id, run_id=run_id)) in (
        "failed",
        "None",
    )


def _failed_tasks(instance: Any, dag_id: str, run_id: str) -> list[str]:
    states = _answer(instance, "get_task_states", dag_id=dag_id, run_ids=[run_id]) or {}
    return [name for name, state in states.get(run_id, {}).items() if state == "failed"]
