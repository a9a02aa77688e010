"""Compute every vector, then the nearest-neighbour index over items, and measure its recall."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import after, dag_arguments, stage

with DAG(**dag_arguments("build_index", after("tower"), "retrieval", doc=__doc__)):
    stage("embed")() >> stage("build_index")()
