"""The regular check for faults that raise no alert by themselves: a night that never ran, a paused
DAG, wrong settings.

It works with a wrong settings file, too. What Airflow knows is passed in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine

from recsys_tasks.config import Environment
from recsys_tasks.config.essentials import Essentials
from recsys_tasks.dag_names import FIRST_DAG, PUBLISHING_DAGS, dag_id, plain_name
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.alert import WRONG_SETTINGS, Alert
from recsys_tasks.monitoring.alerts.build import alarm_alert, describe_readers, settings_alert
from recsys_tasks.monitoring.alerts.rerun import trigger_command
from recsys_tasks.monitoring.alerts.settling import over_with
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.monitoring.readers import freshness, night_state
from recsys_tasks.monitoring.readers.freshness import Shown
from recsys_tasks.serving.calls import note_calls
from recsys_tasks.small_files import write_whole
from recsys_tasks.stages import report
from recsys_tasks.stages.pipeline import STAGES_BY_DAG
from recsys_tasks.stages.watched_airflow import Airflow
from recsys_tasks.stages.watched_clock import ClockWatch
from recsys_tasks.stages.watched_rights import tell_of_rights
from recsys_tasks.stages.watched_storage import tell_of_storage

STEPS = tuple(
    (stage.name, dag)
    for dag in PUBLISHING_DAGS
    for stage in STAGES_BY_DAG[dag]
    if stage is not report.STAGE  # the lists do not depend on the report
)
"""Stages up to the published lists, in order, and the DAG that runs each."""


@dataclass(frozen=True)
class Look:
    """One check: `raise_` is called with each alert and returns False if its incident is
    known already.
    """

    environment: Environment
    essentials: Essentials
    now: datetime
    airflow: Airflow
    raise_: Callable[[Alert], bool]
    found: list[str] = field(default_factory=list)

    def dag_id(self, name: str) -> str:
        """The id under which Airflow knows a DAG of this shop."""
        return dag_id(name, self.essentials.schedule.dag_prefix)

    @property
    def runbooks(self) -> str:
        """The folder or URL that links to runbooks begin with."""
        return self.essentials.alerts.runbook_base


def look(at: Look) -> str:
    """Raise an alert for each fault, resolve the alerts of faults that are over; returns one line
    on what was found. Raises RecsysError without a database.
    """
    spool = spool_of(at.environment)
    if at.essentials.mistake is None:
        spool.resolve(
            lambda alert: alert.cause == WRONG_SETTINGS, "the settings file is right again", at.now
        )
    else:
        words = settings_alert(
            at.essentials.mistake,
            reader_state=_with("readers keep the lists that they have", _time_left(at)),
            runbooks=at.runbooks,
            now=at.now,
            night=_started(at),
            first=at.dag_id(FIRST_DAG),
        )
        at.raise_(words)
        at.found.append("the settings file is wrong")
    least = at.essentials.monitoring.least_free_share
    at.found.extend(tell_of_storage(at.environment, least, at.runbooks, at.now, at.raise_))
    engine = create_engine(database_url(at.environment))
    try:
        at.found.extend(tell_of_rights(at.environment, engine, at.runbooks, at.now, at.raise_))
        at.found.extend(_tell_of_clocks(at, engine))
        if at.essentials.clock == "simulated":
            _look_at_a_simulated_shop(at, engine)
            return "; ".join([*at.found, "a simulated shop has no schedule: no night is late"])
        _look_at_nights(at, engine)
        note_calls(engine, at.essentials.monitoring.history_nights)
    finally:
        engine.dispose()
    return "; ".join(at.found)


def _tell_of_clocks(at: Look, engine: Engine) -> list[str]:
    most = at.essentials.monitoring.max_clock_seconds
    clocks = ClockWatch(at.environment, most, at.runbooks, at.raise_)
    clocks.resolve(engine, at.now)
    night = night_state.newest_begun(engine) or _started(at)
    command = trigger_command(night, at.dag_id(FIRST_DAG))
    return clocks.tell(engine, night, command, at.now)


def _look_at_a_simulated_shop(at: Look, engine: Engine) -> None:
    """Tell of DAGs that cannot run, with the night that began last."""
    alarm = at.airflow.alarm
    if alarm is None:
        over = "the DAGs can run again"
        spool_of(at.environment).resolve(lambda alert: alert.kind == "paused", over, at.now)
        return
    shown, begun = night_state.shown(engine), night_state.newest_begun(engine)
    if begun is None:
        return
    due = freshness.Due(begun, at.now, at.now)
    readers = describe_readers(shown.as_of if shown else None, begun)
    open_now = [record.alert for record in spool_of(at.environment).open()]
    _tell(at, alarm, _unpause(at, begun), due, readers, open_now, "")


def _look_at_nights(at: Look, engine: Engine) -> None:
    shown, made = night_state.shown(engine), night_state.made(engine)
    nights, watched = at.essentials.schedule.nights, at.essentials.monitoring
    late = watched.late_after_hours or freshness.usual_late_hours(nights, made)
    due = freshness.due_night(nights, at.now, late)
    newest = max((night for night, _ in made), default=None)
    new = newest is None and due.at < _watched_since(at)  # a shop whose first night is to come
    stale = None if new else freshness.stale(shown, at.now, watched.stale_after_hours)
    _resolve(at, shown, newest, due, fresh=stale is None)
    open_now = [record.alert for record in spool_of(at.environment).open()]
    progress, remedy = _progress(at, engine, due)
    missed = None if new else freshness.missed(due, nights, newest, shown, at.now, progress)
    alarms = [
        (missed, remedy),
        (at.airflow.alarm, _unpause(at, due.night)),
        (stale, trigger_command(due.night, at.dag_id(FIRST_DAG))),
        (
            freshness.held(shown, at.now, watched.stale_after_hours),
            "recsys publications; recsys resume --who YOU",
        ),
    ]
    readers = describe_readers(shown.as_of if shown else None, due.night)
    if newest is None or newest < _started(at):
        readers = _with(readers, _time_left(at))
    for alarm, command in alarms:
        if alarm is not None:
            once = str(shown.held_since) if shown is not None and alarm.kind == "held" else ""
            _tell(at, alarm, command, due, readers, open_now, once)
    if new:
        at.found.append("no night was due yet")
    elif all(alarm is None for alarm, _ in alarms):
        assert shown is not None  # else it is stale
        at.found.append(
            f"the lists of {shown.as_of} are "
            + (f"held by {shown.hold}" if shown.hold else "fresh")
        )


def _resolve(
    at: Look, shown: Shown | None, newest: date | None, due: freshness.Due, *, fresh: bool
) -> None:
    """End the incidents that are over."""
    over = over_with(
        newest=newest,
        held=bool(shown and shown.hold),
        stopped=at.airflow.stopped,
        fresh=fresh,
        unanswered=at.now - timedelta(hours=at.essentials.gate.approval_hours),
    )
    readers = describe_readers(shown.as_of if shown else None, due.night)
    spool_of(at.environment).resolve(over, readers, at.now)


def _watched_since(at: Look) -> datetime:
    """When this home was first looked at; long ago where no file can say so."""
    path = at.environment.home / "alerts" / "watched-since.txt"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, at.now.isoformat())
        return datetime.fromisoformat(path.read_text())
    except (OSError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _tell(
    at: Look,
    alarm: Alarm,
    remedy: str,
    due: freshness.Due,
    readers: str,
    open_now: list[Alert],
    once: str,
) -> None:
    at.found.append(alarm.words)
    if alarm.kind in ("missed_night", "stale", "paused") and (
        known := _explained(alarm, due, open_now)
    ):
        at.found.append(f"on-call has an alert of it already: {known.splitlines()[0]}")
        return
    alert = alarm_alert(
        alarm,
        as_of=due.night,
        reader_state=readers,
        remedy=remedy,
        runbooks=at.runbooks,
        now=at.now,
        once=once,
    )
    if at.raise_(alert):
        open_now.append(alert)


def _explained(alarm: Alarm, due: freshness.Due, open_now: list[Alert]) -> str | None:
    """The message of an open alert that has the same cause as this alarm (the night's failed run,
    wrong settings, or another of these alarms); None if there is none.
    """
    for alert in open_now:
        tonight = alert.as_of == str(due.night)
        if alert.cause == WRONG_SETTINGS or (tonight and plain_name(alert.dag) in PUBLISHING_DAGS):
            return alert.message
        if (
            tonight
            and alert.kind in ("missed_night", "stale", "paused")
            and alert.kind != alarm.kind
        ):
            return alert.message
    return None


def _time_left(at: Look) -> str:
    """To the deadline of the night that started last; none in a simulated shop."""
    if at.essentials.clock == "simulated":
        return ""
    return at.essentials.schedule.nights.time_left(_started(at), at.now)


def _started(at: Look) -> date:
    """The night that started last by the schedule."""
    nights = at.essentials.schedule.nights
    return nights.date_of(nights.last_start(at.now))


# --- words ----------------------------------------------------------------------------------------


def _unpause(at: Look, night: date) -> str:
    return (
        f"{at.airflow.start_again}; then, for a night that was lost meanwhile:"
        f" {trigger_command(night, at.dag_id(FIRST_DAG))}"
    )


def _with(words: str, more: str) -> str:
    return f"{words}; {more}" if more else words


def _progress(at: Look, engine: Engine, due: freshness.Due) -> tuple[str, str]:
    """Words on how far the due night came and what stops it; and the command that continues it."""
    done = night_state.finished_stages(engine, due.night)
    left = [
        (number, stage, at.dag_id(dag))
        for number, (stage, dag) in enumerate(STEPS, 1)
        if stage not in done
    ]
    if not left:
        return "every stage finished, but no publication is ready", trigger_command(
            due.night, at.dag_id(STEPS[-1][1])
        )
    number, stage, dag = left[0]
    words = f"it never started (stage 1 of {len(STEPS)}, {stage} of DAG {dag})"
    if number > 1:
        words = f"it stopped before stage {number} of {len(STEPS)}, {stage} of DAG {dag}"
    if dag in at.airflow.at_work:
        words = f"stage {number} of {len(STEPS)}, {stage} of DAG {dag}, is still at work or waits"
    if stopped := at.airflow.stopped:
        words += f"; {', '.join(stopped)} cannot run ({at.airflow.why_stopped})"
    first = f"{at.airflow.start_again}; then: " if stopped else ""
    if dag in at.airflow.at_work:
        return (
            words,
            (
                f"{first}look at the log of {dag}'s run; where it hangs:"
                f" {trigger_command(due.night, dag)}"
            ),
        )
    return words, first + trigger_command(due.night, dag)
