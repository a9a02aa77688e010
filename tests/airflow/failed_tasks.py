"""A task of a DAG that failed, as Airflow's callbacks are told of it, and its alert."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import recsys_alerts
import recsys_runs
from airflow.sdk.exceptions import AirflowFailException

STARTED = datetime(2026, 3, 10, 1, tzinfo=UTC)


PARTS = {
    "expected": "no unknown event",
    "found": "9 rows",
    "where": "events",
    "remedy": "send a corrected batch",
}


def context_of(
    run_id: str = "manual:1",
    dag: str = "validate_data",
    task: str = "freeze",
    night: str | None = "2026-03-10",
    started: datetime = STARTED,
    **more: Any,
) -> dict[str, Any]:
    run = SimpleNamespace(
        dag_id=dag, run_id=run_id, partition_key=night, conf={}, start_date=started
    )
    instance = SimpleNamespace(
        task_id=task,
        map_index=-1,
        try_number=more.pop("try_number", 1),
        max_tries=8,
        task=SimpleNamespace(retries=8),
    )
    return {
        "dag": SimpleNamespace(dag_id=dag),
        "dag_run": run,
        "run_id": run_id,
        "ti": instance,
        **more,
    }


def fail(error: Exception, context: dict[str, Any]) -> None:
    with (
        pytest.raises((type(error), AirflowFailException)),
        recsys_runs.as_airflow_errors("freeze", context),
    ):
        raise error


def notify(context: dict[str, Any]) -> None:
    recsys_alerts.IncidentAlert().notify(context)
