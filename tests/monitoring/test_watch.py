"""The regular look on real publications: what it raises, what it ends, and that one incident is one
alert.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from recsys_tasks.config import Environment
from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.build import alarm_alert, failure_alert
from recsys_tasks.monitoring.alerts.settling import end_of_night
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.monitoring.alerts.task_errors import FailedRun, FailedTask
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.stages.watch import STEPS
from tests.monitoring.watched import Watch, finish_stages, open_now, raised
from tests.serving.nights import FIRST, NOW, night, publish_night, stock


def test_a_night_that_never_ran_is_noticed_once_and_soon(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    assert watch(0, 5) == "the lists of 2026-03-01 are fresh"
    assert watch(1, 3.9) == "the lists of 2026-03-01 are fresh"  # it may still be at work
    for hours in (4, 5, 6, 7):
        watch(1, hours)
    (alert,) = raised(environment)
    assert (alert.kind, alert.as_of, alert.severity) == ("missed_night", "2026-03-02", "critical")
    assert "it never started (stage 1 of 12, extract of DAG validate_data)" in alert.message
    assert alert.remedy == """airflow dags trigger validate_data --conf '{"as_of": "2026-03-02"}'"""
    assert alert.reader_state == "readers keep the lists of 2026-03-01, 1 night behind"
    assert alert.runbook == "include/runbooks/night-missed.md"


def test_a_late_rerun_of_an_old_night_is_not_fresh(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    with writer.begin() as connection:  # published two hours before the look, five nights late
        moved = {"at": NOW + timedelta(days=5, hours=9)}
        connection.execute(sa.text("UPDATE recsys.publication SET published_at = :at"), moved)
        connection.execute(sa.text("UPDATE recsys.current_publication SET moved_at = :at"), moved)
    watch(5, 11)
    (alert,) = raised(environment)
    assert (alert.kind, alert.as_of) == ("missed_night", "2026-03-06")


def test_a_night_lost_in_a_paused_dag_is_told_with_the_dag(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    finish_stages(writer, 1, ["extract", "freeze", "train_two_tower"])
    watch(1, 2, paused=("build_index",))
    watch(1, 3, paused=("build_index",))
    (paused,) = raised(environment)
    assert paused.kind == "paused" and "build_index is paused" in paused.message
    assert paused.remedy.startswith("airflow dags unpause build_index")
    watch(1, 4)  # unpaused, and the event is gone for good
    assert open_now(environment) == ["missed_night"]
    lost = raised(environment)[-1]
    assert "it stopped before stage 4 of 12, embed of DAG build_index" in lost.message
    assert lost.remedy == """airflow dags trigger build_index --conf '{"as_of": "2026-03-02"}'"""


def test_a_night_missed_because_a_dag_is_paused_or_broken_is_one_page(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    watch(1, 4, paused=("train_ranker",), broken=("build_index: SyntaxError",))
    (alert,) = raised(environment)
    assert alert.kind == "missed_night"
    assert "train_ranker is paused; build_index: SyntaxError (cannot be imported)" in alert.message
    assert alert.remedy.startswith(
        "airflow dags unpause train_ranker; airflow dags list-import-errors"
    )


def test_a_shop_with_a_prefix_is_told_of_its_own_dags(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    settings = yaml.safe_load(environment.config_path.read_text())
    settings["schedule"] = {"dag_prefix": "shop_a_"}
    environment.config_path.write_text(yaml.safe_dump(settings))
    stock(writer)
    publish_night(writer, 0)
    finish_stages(writer, 1, ["extract", "freeze", "train_two_tower"])
    watch(1, 4)
    (lost,) = raised(environment)
    assert "embed of DAG shop_a_build_index" in lost.message
    assert lost.remedy.startswith("airflow dags trigger shop_a_build_index --conf")


def test_a_night_that_still_works_is_told_so(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    finish_stages(writer, 1, [stage for stage, _ in STEPS[:7]])
    watch(1, 4, at_work=("train_ranker",))
    (alert,) = raised(environment)
    assert (
        "stage 8 of 12, train_ranker of DAG train_ranker, is still at work or waits"
        in alert.message
    )
    assert alert.remedy.startswith("look at the log of train_ranker's run")


def failed_run(day: int, dag: str = "train_ranker") -> Alert:
    failed = FailedTask("judge", "judge", "DataError", "a", "b", "c", "d")
    return failure_alert(
        FailedRun(dag, f"run:{day}", "t", str(FIRST + timedelta(days=day)), [failed], []),
        reader_state="-",
        runbooks="r",
        now=NOW + timedelta(days=day, hours=1),
    )


def test_a_failed_night_is_not_told_again_as_missed_and_is_over_when_it_is_made(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    spool_of(environment).add(failed_run(1))
    for hours in (4, 8, 12):
        assert "on-call has an alert of it already: train_ranker failed for 2026-03-02" in watch(
            1, hours
        )
    assert [alert.kind for alert in raised(environment)] == ["DataError"]
    publish_night(writer, 1)
    assert watch(1, 13) == "the lists of 2026-03-02 are fresh"
    assert open_now(environment) == []


def test_who_rolled_back_is_not_paged_each_day(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    publish_night(writer, 1)
    rollback(writer, who="ann", why="bad prices", now=NOW + timedelta(days=1, hours=8))
    assert watch(1, 9) == "the lists of 2026-03-01 are held by ann: bad prices"
    for day in (2, 3, 4):
        night(writer, day)
        for hours in (5, 12, 20):
            watch(day, hours)
    (alert,) = raised(environment)  # one reminder, and it is no page
    assert (alert.kind, alert.severity) == (
        "held",
        "warning",
    ) and "by ann: bad prices" in alert.message
    assert alert.remedy == "recsys publications; recsys resume --who YOU"
    resume(writer, who="ann", now=NOW + timedelta(days=4, hours=20))
    assert watch(4, 21) == "the lists of 2026-03-05 are fresh"
    assert open_now(environment) == []


def test_a_night_missed_during_a_hold_is_told_with_the_hold(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    publish_night(writer, 1)
    rollback(writer, who="ann", why="bad prices", now=NOW + timedelta(days=1, hours=8))
    watch(2, 5)
    (alert,) = raised(environment)
    assert alert.kind == "missed_night" and "held there by ann: bad prices" in alert.message


def test_wrong_settings_are_one_alert_until_they_are_right(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    right = environment.config_path.read_text()
    environment.config_path.write_text(right + 'schedule: {nightly: "61 25 * * *"}\n')
    for hours in (
        5,
        6,
        28,
    ):  # the night of the second day is missed by it: that is no page of its own
        watch(0, hours)
    (alert,) = raised(environment)
    assert (alert.kind, alert.runbook, alert.severity) == (
        "ConfigError", "include/runbooks/settings-wrong.md", "critical",
    )  # fmt: skip
    assert "61 25 * * *" in alert.message and "recsys config check" in alert.remedy
    environment.config_path.write_text(right)
    publish_night(writer, 1)
    watch(1, 5)
    assert open_now(environment) == []
    environment.config_path.write_text("- no mapping")
    watch(1, 6)
    assert open_now(environment) == ["ConfigError"]  # wrong again is told again


def test_a_simulated_shop_is_never_late(simulated: Environment, watch: Watch) -> None:
    assert "a simulated shop has no schedule" in watch(0, 50)
    assert raised(simulated) == []


def test_a_paused_dag_of_a_simulated_shop_is_told_with_the_night_that_stopped_there(
    writer: Engine, simulated: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    finish_stages(writer, 1, [stage for stage, _ in STEPS[:3]])
    for hours in (50, 51):
        watch(1, hours, paused=("build_index",))
    (alert,) = raised(simulated)
    assert (alert.kind, alert.as_of) == ("paused", "2026-03-02")
    assert "readers keep the lists of 2026-03-01" in alert.reader_state
    first, then = "airflow dags unpause build_index", "airflow dags trigger validate_data --conf"
    assert alert.remedy.startswith(first) and then in alert.remedy and "2026-03-02" in alert.remedy
    watch(1, 52)
    assert open_now(simulated) == []


def test_a_night_that_ends_well_ends_what_was_open_of_it(environment: Environment) -> None:
    spool = spool_of(environment)
    for alert in (failed_run(1), failed_run(2, "monitor_recommendations"), failed_run(3)):
        spool.add(alert)
    assert end_of_night(environment, date(2026, 3, 3), NOW + timedelta(days=2, hours=9)) == 2
    assert [record.alert.run for record in spool.open()] == ["run:3"]


def test_nothing_was_ever_published(environment: Environment, watch: Watch) -> None:
    # set up at 10:00 of the day before: the nights until then were nobody's
    for hours in (-15, -10, 3.9):
        assert watch(0, hours) == "no night was due yet"
    assert raised(environment) == []
    for hours in (4, 5):
        watch(0, hours)
    (alert,) = raised(environment)
    assert alert.kind == "missed_night" and "Readers have no lists" in alert.message


def test_a_new_shop_hears_of_a_paused_dag_and_not_of_nights_before_it(
    environment: Environment, watch: Watch
) -> None:
    for hours in (10, 11):
        watch(0, hours, paused=("train_ranker",))
    (alert,) = raised(environment)
    assert alert.kind == "paused"


def test_an_approval_that_nobody_gave_is_over(
    writer: Engine, environment: Environment, watch: Watch
) -> None:
    stock(writer)
    publish_night(writer, 0)
    alarm = Alarm("approval", "hours_to_answer", 12, 12, "a release waits for a person to agree")
    about: dict[str, Any] = {
        "as_of": FIRST,
        "reader_state": "-",
        "remedy": "-",
        "runbooks": "r",
        "now": NOW + timedelta(hours=2),
    }
    spool_of(environment).add(alarm_alert(alarm, **about))
    watch(0, 13)
    assert open_now(environment) == ["approval"]
    watch(0, 14.1)
    assert open_now(environment) == []
