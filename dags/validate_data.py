"""The first DAG of the night: read what is new in the shop, check it, freeze a snapshot."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import dag_arguments, nightly, stage

with DAG(doc_md=__doc__, **dag_arguments("validate_data", nightly(), "data")):
    stage("extract")() >> stage("freeze")()
