"""The first DAG of the night: read what is new in the shop, check it, freeze a snapshot."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import dag_arguments, nightly, stage

with DAG(**dag_arguments("validate_data", nightly(), "data", doc=__doc__)):
    stage("extract")() >> stage("freeze")()
