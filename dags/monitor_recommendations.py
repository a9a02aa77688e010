"""Measure the published lists: coverage, churn, drift, and what readers did with earlier ones."""

from __future__ import annotations

from airflow.sdk import DAG, task
from recsys_airflow import after, dag_arguments, end_alerts, stage

with DAG(
    **dag_arguments("monitor_recommendations", after("publication"), "monitoring", doc=__doc__)
):
    stage("monitor")() >> task(task_id="deliver_alerts")(end_alerts)() >> stage("report")()
