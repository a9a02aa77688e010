"""A task of a DAG that failed, as Airflow's callbacks are told of it, and its alert."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

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
    run_id="manual:1",
    dag="validate_data",
    task="freeze",
    night="2026-03-10",
    started=STARTED,
    **more,
):
    run = SimpleNamespace(
        dag_id=dag, run_id=run_id, partition_key=night, conf={}, start_date=started
    )
    instance = SimpleNamespace(task_id=task, map_index=-1, try_number=more.pop("try_number", 1))
    return {
        "dag": SimpleNamespace(dag_id=dag),
        "dag_run": run,
        "run_id": run_id,
        "ti": instance,
        **more,
    }


def fail(error, context):
    with (
        pytest.raises((type(error), AirflowFailException)),
        recsys_runs.as_airflow_errors("freeze", context),
    ):
        raise error


def notify(context):
    recsys_alerts.IncidentAlert().notify(context)
