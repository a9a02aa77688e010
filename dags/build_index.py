"""Compute every vector, then the nearest-neighbour index over items, and measure its recall."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import INDEX, TOWER, after, dag_arguments, stage

with DAG("build_index", doc_md=__doc__, **dag_arguments(after(TOWER), "retrieval")):
    stage("embed")() >> stage("build_index", emits=INDEX)()
