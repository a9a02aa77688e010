"""The notifier end to end: a failed run's context in, files and an HTTP message out. No database
runs here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import recsys_alerts
import recsys_runs
from airflow.sdk.exceptions import AirflowFailException

from recsys_tasks.errors import ValidationFailed
from tests.airflow.recorder import Recorder

STARTED = datetime(2026, 3, 10, 1, tzinfo=UTC)
PARTS = {
    "expected": "no unknown event",
    "found": "9 rows with 'vieww'",
    "where": "events of 2026-03-09",
    "remedy": "send a corrected batch",
}


def context_of(started: datetime = STARTED, task: str = "freeze") -> dict[str, Any]:
    run = SimpleNamespace(
        dag_id="validate_data",
        run_id="manual:1",
        partition_key="2026-03-10",
        conf={},
        start_date=started,
    )
    return {
        "dag": SimpleNamespace(dag_id="validate_data"),
        "dag_run": run,
        "run_id": "manual:1",
        "ti": SimpleNamespace(
            task_id=task, map_index=-1, try_number=1, max_tries=8, task=SimpleNamespace(retries=8)
        ),
        "reason": "task_failure",
    }


def fail_task(task: str = "freeze") -> None:
    with (
        pytest.raises(AirflowFailException),
        recsys_runs.as_airflow_errors("freeze", context_of(task=task)),
    ):
        raise ValidationFailed(**PARTS)


def test_on_call_reads_what_broke_what_readers_see_and_what_to_run(
    home: Path, webhook: Recorder
) -> None:
    fail_task()
    recsys_alerts.IncidentAlert().notify(context_of())
    ((path, authorization, alert),) = webhook.received
    assert (path, authorization) == ("/hook", "Bearer token")
    assert alert["message"].splitlines() == [
        "validate_data failed for 2026-03-10 at freeze (ValidationFailed)",
        "expected: no unknown event",
        "found: 9 rows with 'vieww'",
        "where: events of 2026-03-09",
    ]
    assert alert["remedy"] == (
        "send a corrected batch; then: airflow dags clear --yes --run-id manual:1 validate_data"
    )
    assert alert["reader_state"] == "unknown: the database did not answer"
    assert alert["runbook"] == "include/runbooks/data-check-failed.md"
    assert alert["severity"] == "critical"


def test_a_killed_task_left_no_error_and_still_has_an_alert(home: Path, webhook: Recorder) -> None:
    recsys_alerts.IncidentAlert().notify(context_of(task="extract"))
    ((_, _, alert),) = webhook.received
    assert (alert["task"], alert["kind"]) == ("extract", "Killed")
    assert alert["runbook"] == "include/runbooks/task-killed.md"


def test_one_failure_is_one_alert_and_a_failed_rerun_is_another(
    home: Path, webhook: Recorder
) -> None:
    for _ in range(2):  # Airflow may call back twice for one failure
        recsys_alerts.IncidentAlert().notify(context_of())
    assert len(webhook.received) == 1
    recsys_alerts.IncidentAlert().notify(context_of(started=STARTED.replace(hour=9)))
    assert len(webhook.received) == 2


def test_what_a_channel_refused_is_sent_by_the_next_delivery_once(
    home: Path, webhook: Recorder
) -> None:
    webhook.answers.append(503)
    recsys_alerts.IncidentAlert().notify(context_of())
    (kept,) = (home / "alerts" / "spool").glob("*.json")
    assert json.loads(kept.read_text())["delivered"] == []
    assert recsys_alerts.deliver_alerts().startswith("1 alert(s) sent")
    assert recsys_alerts.deliver_alerts().startswith("0 alert(s) sent")
    assert json.loads(kept.read_text())["delivered"] == ["webhook"]
    assert len(webhook.received) == 2


def test_without_channels_the_alert_waits_for_the_table(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ALERT_WEBHOOK", "")
    recsys_alerts.IncidentAlert().notify(context_of())
    assert len(list((home / "alerts" / "spool").glob("*.json"))) == 1
    assert "table: TransientError" in recsys_alerts.deliver_alerts()


def test_the_notifier_never_fails_its_caller(home: Path) -> None:
    recsys_alerts.IncidentAlert()({"run_id": "no dag in here"})
