from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from recsys_tasks.database import create_engine
from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.monitoring.alerts.alert import Alert, as_text
from recsys_tasks.monitoring.alerts.build import alarm_alert, describe_readers, failure_alert
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.kept_texts import Folder
from recsys_tasks.monitoring.alerts.spool import Spool, raise_alert
from recsys_tasks.monitoring.alerts.table import keep_alert, published_night
from recsys_tasks.monitoring.alerts.task_errors import FailedRun, FailedTask, read_errors
from recsys_tasks.snapshot.checks.remedies import remedy_for
from tests.environments import environment_of

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


def an_alert(**changes: Any) -> Alert:
    failed = FailedTask(
        "publish", "publish", "ServingError", "10 rows", "9 rows", "publication 3", "rerun shard 1"
    )
    alert = failure_alert(
        FailedRun("train_ranker", "asset:1", "t0", "2026-03-10", [failed], ["publish"]),
        reader_state="readers keep the lists of 2026-03-09, 1 night behind",
        runbooks="https://wiki.example",
        now=NOW,
    )
    return replace(alert, **changes)


def test_the_text_says_what_broke_what_readers_see_and_what_to_do() -> None:
    assert as_text(an_alert()).splitlines() == [
        "[critical] train_ranker failed for 2026-03-10 at publish (ServingError)",
        "expected: 10 rows",
        "found: 9 rows",
        "where: publication 3",
        "readers: readers keep the lists of 2026-03-09, 1 night behind",
        (
            "to do: rerun shard 1; then: airflow dags clear --yes --only-failed --run-id asset:1"
            " train_ranker"
        ),
        "runbook: https://wiki.example/publication-refused.md",
    ]


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (None, "readers have no lists yet: nothing was ever published"),
        (date(2026, 3, 10), "readers have the lists of 2026-03-10, which are fresh"),
        (date(2026, 3, 9), "readers keep the lists of 2026-03-09, 1 night behind"),
        (date(2026, 3, 7), "readers keep the lists of 2026-03-07, 3 nights behind"),
    ],
)
def test_what_readers_see_in_one_sentence(published: date | None, words: str) -> None:
    assert describe_readers(published, date(2026, 3, 10)) == words
    late = published is None or published < date(2026, 3, 10)
    left = describe_readers(published, date(2026, 3, 10), "1 h left")
    assert left == (f"{words}; 1 h left" if late else words)


def test_an_alarm_names_metric_bound_and_value_once_a_night(tmp_path: Path) -> None:
    alarm = Alarm("drift", "share_of_country_fr", 0.2, 0.31, "France doubled")

    def raised(day: int) -> bool:
        alert = alarm_alert(
            alarm, as_of=date(2026, 3, day), reader_state="-", remedy="look", runbooks="r", now=NOW
        )
        assert alert.message == "France doubled\nmetric: share_of_country_fr = 0.31, bound 0.2"
        return raise_alert(environment_of(tmp_path), alert)

    assert [raised(10), raised(10), raised(11)] == [True, False, True]


def test_a_broken_channel_does_not_silence_the_others(tmp_path: Path) -> None:
    sent: list[Alert] = []
    spool, kept = Spool(tmp_path), []
    spool.add(an_alert())

    def refuse(alert: Alert) -> None:
        raise ConnectionError("down")

    def table(alert: Alert, channels: object, resolved_at: str) -> None:
        kept.append(channels)

    line = deliver(spool, {"slack": refuse, "webhook": sent.append}, table, now=NOW)
    assert line == "1 alert(s) sent; failed: slack: ConnectionError: down"
    assert (len(sent), kept) == (1, [["webhook"]])
    # Slack is back: the table learns of it, the webhook hears nothing twice.
    assert (
        deliver(spool, {"slack": sent.append, "webhook": refuse}, table, now=NOW)
        == "1 alert(s) sent"
    )
    assert kept == [["webhook"], ["slack", "webhook"]]
    assert spool.all()[0][1] == ["slack", "table", "webhook"]


def test_a_damaged_file_does_not_stop_the_delivery(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(an_alert())
    (tmp_path / "half.json").write_text('{"alert": {')
    (tmp_path / "other.json").write_text(json.dumps({"alert": {"x": 1}, "delivered": []}))
    assert [alert for alert, _ in spool.all()] == [an_alert()]


def test_damaged_error_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text('{"unknown": 1}')
    assert read_errors(Folder(tmp_path)) == []
    assert read_errors(Folder(tmp_path / "missing")) == []


def test_the_table_holds_an_incident_once_and_the_night_that_readers_see(
    postgres: Mapping[str, str],
) -> None:
    engine = create_engine(postgres["recsys"])
    alert = an_alert(incident="only-here")
    keep_alert(engine, alert, [])
    keep_alert(engine, alert, ["slack"])
    with engine.connect() as connection:
        query = sa.text(
            "SELECT as_of, task, message, delivered FROM recsys.alerts WHERE incident = 'only-here'"
        )
        assert connection.execute(query).all() == [
            (date(2026, 3, 10), "publish", alert.message, {"slack": "sent"}),
        ]
    keep_alert(engine, an_alert(incident="without a date", as_of=""), [])
    assert published_night(engine) is None or isinstance(published_night(engine), date)
    engine.dispose()


WITH_DATE = """--conf '{"as_of": "2026-03-10"}'"""


@pytest.mark.parametrize(
    ("dag", "as_of", "error", "command"),
    [
        (
            "validate_data",
            "2026-03-10",
            "ValidationFailed",
            "airflow dags clear --yes --run-id r:1 validate_data",
        ),
        (
            "build_index",
            "2026-03-10",
            "Killed",
            "airflow dags clear --yes --only-failed --run-id r:1 build_index",
        ),
        # What another DAG was to write is not made by clearing this one's failed task.
        (
            "train_ranker",
            "2026-03-10",
            "ArtifactError",
            f"airflow dags trigger validate_data {WITH_DATE}",
        ),
        (
            "train_ranker",
            "2026-03-10",
            "DamagedArtifact",
            f"airflow dags trigger validate_data {WITH_DATE}",
        ),
        # A shop with a prefix has its own DAGs.
        (
            "shop_a_train_ranker",
            "2026-03-10",
            "ArtifactError",
            f"airflow dags trigger shop_a_validate_data {WITH_DATE}",
        ),
        (
            "shop_a_validate_data",
            "2026-03-10",
            "ValidationFailed",
            "airflow dags clear --yes --run-id r:1 shop_a_validate_data",
        ),
        # Cleared, a run without a date has none again.
        ("build_index", "", "ConfigError", f"airflow dags trigger build_index {WITH_DATE}"),
        (
            "maintain_storage",
            "",
            "Killed",
            "airflow dags clear --yes --only-failed --run-id r:1 maintain_storage",
        ),
    ],
)
def test_the_command_helps(dag: str, as_of: str, error: str, command: str) -> None:
    errors = [FailedTask("t", "t", error, "a", "b", "c", "correct it")]
    run = FailedRun(dag, "r:1", "t0", as_of, errors, [])
    alert = failure_alert(run, reader_state="-", runbooks="r", now=NOW)
    assert alert.remedy.startswith(f"correct it; then: {command}")


def test_no_alert_tells_two_commands_for_one_rerun() -> None:
    failed = [("items", "repeated_id")]
    own = remedy_for(failed, date(2026, 3, 10))
    assert "recsys run --as-of 2026-03-10" in own  # what `recsys run` prints by itself
    for dag, again in (
        ("recsys run", "recsys run --as-of 2026-03-10"),
        ("validate_data", "airflow dags clear --yes --run-id r:1 validate_data"),
    ):
        errors = [FailedTask("t", "t", "ValidationFailed", "a", "b", "c", own)]
        run = FailedRun(dag, "r:1", "t0", "2026-03-10", errors, [])
        remedy = failure_alert(run, reader_state="-", runbooks="r", now=NOW).remedy
        assert remedy.startswith("nothing is published from this batch; ")
        assert remedy.endswith(f"; then: {again}")
        assert len(re.findall(r"recsys run --as-of|airflow dags|run this night again", remedy)) == 1
